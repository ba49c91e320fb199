/**
 * The direction rules of ARCHITECTURE.md. A module of src/ imports only modules that stand before it in this list, and
 * only through their doors. The arrow points to what is more fundamental, so a change never travels against it.
 */
const ORDER = [
  'kernel',
  'platform',
  'provenance',
  'identity',
  'storage',
  'catalog',
  'privacy',
  'access',
  'training',
  'settlement',
  'agents',
];

/** The files that know which adapter stands behind which port. */
const COMPOSITION_ROOTS = '^src/(main|cli/adapters|provenance/log-main)\\.ts$';

/**
 * What another module, an adapter or a process may import of a module: its index, its ports, and the files that are
 * nothing but shared vocabulary (schemas of public documents), which its index exports too. Where a browser goes in,
 * provenance has a second door, and where a witness of others goes in, a third; storage has one where the database comes in.
 */
const DOORS =
  '^src/kernel/(bytes|errors)\\.ts$|^src/[^/]+/(index|ports|manifest|descriptions|model-declaration|models|statements)\\.ts$|^src/(platform/graphql|storage/watch)/index\\.ts$|^src/provenance/((verify|witness)/index|relay/(index|ports|record-batch))\\.ts$';

/** Scripts that run compiled code name it; it is there once it is built. */
const BUILT = '^(\\.\\./)+dist/';

const SPECS = '\\.spec\\.ts$';

const directions = ORDER.slice(0, -1).map((module, i) => ({
  name: `direction-${module}`,
  comment: `${module} may not depend on what stands after it: ${ORDER.slice(i + 1).join(', ')}.`,
  severity: 'error',
  from: { path: `^src/${module}/`, pathNot: [COMPOSITION_ROOTS, SPECS] },
  to: { path: `^src/(${ORDER.slice(i + 1).join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'through-the-door',
      comment: "Another module's insides are its own: import its index.ts, ports.ts or a shared vocabulary.",
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: SPECS },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/generated/', DOORS] },
    },
    {
      name: 'through-the-door-from-outside',
      comment: 'Adapters, processes and composition roots know a module by its door.',
      severity: 'error',
      from: { path: '^(web3|workers|src/[^/]+\\.ts$)', pathNot: SPECS },
      to: { path: '^src/[^/]+/', pathNot: [DOORS, '\\.module\\.ts$'] },
    },
    {
      name: 'ports-not-adapters',
      comment: 'Modules own ports, adapters implement them, composition roots bind them.',
      severity: 'error',
      from: { path: '^src/', pathNot: [COMPOSITION_ROOTS, SPECS] },
      to: { path: '^(web3|workers)/' },
    },
    {
      name: 'one-folder-speaks-to-filecoin',
      comment: 'The storage SDK moves: every call of it is in one folder, so that one folder moves with it.',
      severity: 'error',
      from: { path: '^(src|web3|workers)/', pathNot: ['^web3/filecoin/store/', SPECS] },
      to: { path: 'node_modules/@filoz/' },
    },
    {
      name: 'audit-is-the-last',
      comment: 'audit reads every module; nobody but a composition root imports it.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/audit/', '^src/cli/', '^src/[^/]+\\.ts$'] },
      to: { path: '^src/audit/' },
    },
    {
      name: 'roots-are-not-imported',
      comment: 'A composition root starts a process; what two of them need belongs in a module.',
      severity: 'error',
      from: { path: '^(src|web3|workers)/', pathNot: '^src/cli/' },
      to: { path: ['^src/main\\.ts$', '^src/cli/', '^src/provenance/log-main\\.ts$', '^workers/main\\.ts$'] },
    },
    {
      name: 'kernel-is-pure',
      comment: 'The kernel runs anywhere: no Node built-ins.',
      severity: 'error',
      from: { path: '^src/kernel/', pathNot: SPECS },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'verify-is-pure',
      comment: 'The verifier runs in a browser too: no Node built-in in it, nor in anything of ours that it reaches.',
      severity: 'error',
      from: { path: '^src/provenance/verify/', pathNot: SPECS },
      to: {
        reachable: true,
        path: '^(node:)?(assert|buffer|child_process|crypto|events|fs|http|net|os|path|stream|url|util|worker_threads)(/|$)',
      },
    },
    {
      name: 'verify-knows-little',
      comment:
        'The verifier rests on the kernel, on the statements, and on pure packages: whoever audits it reads no more.',
      severity: 'error',
      from: { path: '^src/provenance/verify/', pathNot: SPECS },
      to: {
        path: '^(src|web3|workers)/|node_modules/',
        pathNot: [
          '^src/kernel/',
          '^src/provenance/',
          'node_modules/(@noble/|viem/|zod/|canonicalize/|age-encryption/)',
        ],
      },
    },
    {
      name: 'database-behind-repositories',
      comment: "Prisma's client is for the platform, for repositories and for the files that turn rows into objects.",
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/platform/', '(\\.repository|-row)\\.ts$', '^src/generated/', SPECS] },
      to: { path: '^src/generated/' },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or need a third.',
      severity: 'error',
      from: { pathNot: '^src/generated/' },
      to: { circular: true },
    },
    {
      name: 'no-tests-in-the-product',
      severity: 'error',
      from: { path: '^(src|web3|workers)/', pathNot: SPECS },
      to: { path: ['^test/', SPECS] },
    },
    {
      name: 'declared-packages-only',
      comment: 'A package that is here because another one needs it may be gone tomorrow: declare it in package.json.',
      severity: 'error',
      from: { path: '^(src|web3|workers|scripts|test|bin)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'], pathNot: BUILT },
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: { path: '^(src|web3|workers|scripts|test|bin)/' },
      to: { couldNotResolve: true, pathNot: BUILT },
    },
    {
      name: 'no-development-packages-in-the-product',
      comment: 'The devnet and the tests may; src, adapters and workers run without development packages.',
      severity: 'error',
      from: { path: '^(src|web3|workers)/', pathNot: [SPECS, '^web3/devnet/'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|workers/trainer|web3/contracts|explorer|clients|\\.weighbridge)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    // All of ours are ES modules; a function of ours may well be called `require`.
    moduleSystems: ['es6', 'tsd'],
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.mts', '.mjs', '.js', '.cjs', '.json'],
    },
  },
};
