#!/usr/bin/env node
// Makes the Python environments under .weighbridge/python, and nothing twice: `tools` (uv), `trainer` (what runs in the
// sandbox; with CUDA where the host has an NVIDIA driver), `client` (what the buyer's package stands on) and `dev` (pytest, ruff
// and mypy on top of both). Needs nothing but Node 20 and Python 3.11 or newer.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const MIN_MINOR = 11;
/** The oldest driver that runs CUDA 13. */
const MIN_DRIVER = 580;
const NAMES = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python'];
const ABOUT = `
import importlib.util, json, sys
print(json.dumps({"version": list(sys.version_info[:3]), "base": sys._base_executable,
                  "venv": all(map(importlib.util.find_spec, ("venv", "ensurepip")))}))`;

/** What a person has to do; printed as it is. */
export class SetupError extends Error {}

/**
 * Installs what is missing.
 * @param {{ root: string, log?: (line: string) => void, dev?: boolean }} options
 * @returns {{ python: string, version: string }} the interpreter of the trainer's environment
 */
export function setupPython({ root, log = () => {}, dev = true }) {
  const home = path.join(root, '.weighbridge', 'python');
  const trainer = path.join(root, 'workers', 'trainer');
  const lock = (name) => path.join(trainer, `${name}.lock`);
  const clientLock = path.join(root, 'clients', 'python', 'requirements.lock');
  const base = findPython();
  const env = { ...process.env, ...indexForUv() };
  const tools = path.join(home, 'tools');
  const uv = path.join(tools, 'bin', 'uv');
  const python = path.join(home, 'trainer', 'bin', 'python');
  mkdirSync(home, { recursive: true });

  step(home, 'tools', [base.path, digestOf(lock('requirements-tools'))], existsSync(uv), log, () => {
    if (!base.venv) throw new SetupError(`${base.path} cannot make environments. Run: ${installVenv(base)}`);
    rmSync(tools, { recursive: true, force: true });
    run(base.path, ['-m', 'venv', tools], env, `Run: ${installVenv(base)}`);
    const args = ['-m', 'pip', 'install', '--quiet', '--require-hashes', '--requirement', lock('requirements-tools')];
    run(path.join(tools, 'bin', 'python'), args, env, 'Check that the Python package index can be reached.');
  });
  const cuda = wantsCuda(log);
  const packages = lock(cuda ? 'requirements-cuda' : 'requirements');
  step(home, 'trainer', [base.path, digestOf(packages)], existsSync(python), log, () => {
    if (cuda)
      log(
        'python: with CUDA for the GPUs of this host: 2.5 GB to download, 4.4 GB on disk (WEIGHBRIDGE_CUDA=no leaves it out)',
      );
    environment(uv, base, path.join(home, 'trainer'), packages, env);
    // Importing it once writes the bytecode of all that it uses: the box that it runs in cannot write.
    const source = { ...env, PYTHONPATH: path.join(trainer, 'src'), PYTHONDONTWRITEBYTECODE: '' };
    run(python, ['-c', 'import weighbridge_trainer.job, weighbridge_trainer.probe'], source, 'Run the set-up again.');
  });
  if (dev) {
    const client = path.join(home, 'client');
    // What it shares with the trainer (numpy, cryptography) is not in its lock: 70 MB less.
    step(home, 'client', [base.path, digestOf(clientLock)], existsSync(path.join(client, 'bin', 'python')), log, () => {
      environment(uv, base, client, clientLock, env);
    });
    const devPython = path.join(home, 'dev', 'bin', 'python');
    step(home, 'dev', [base.path, digestOf(lock('requirements-dev')), 'client'], existsSync(devPython), log, () => {
      environment(uv, base, path.join(home, 'dev'), lock('requirements-dev'), env);
      // The tests run on the very packages that trainer and client run on.
      for (const name of ['trainer', 'client']) {
        const packages = sitePackages(path.join(home, name));
        writeFileSync(path.join(sitePackages(path.join(home, 'dev')), `${name}.pth`), `${packages}\n`);
      }
    });
  }
  return { python, version: base.version };
}

/** Runs `install` unless its stamp says that it ran for these very inputs. A run that was cut leaves no stamp. */
function step(home, name, inputs, present, log, install) {
  const stamp = path.join(home, `${name}.stamp`);
  const wanted = inputs.join('\n');
  if (present && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const started = Date.now();
  log(`python: ${name} ...`);
  rmSync(stamp, { force: true });
  install();
  writeFileSync(stamp, wanted);
  log(`python: ${name} done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function environment(uv, base, directory, lock, env) {
  rmSync(directory, { recursive: true, force: true });
  const reach =
    'Check that the Python package index can be reached, and that this is Linux on x86-64 or arm64 with glibc.';
  run(uv, ['venv', '--quiet', '--no-project', '--python', base.path, directory], env, reach);
  const python = path.join(directory, 'bin', 'python');
  run(uv, ['pip', 'sync', '--quiet', '--python', python, '--require-hashes', lock], env, reach);
}

/** CUDA is for hosts with an NVIDIA driver that is new enough; WEIGHBRIDGE_CUDA=yes or no decides without looking. */
export function wantsCuda(log, { env = process.env, driverFile = '/proc/driver/nvidia/version' } = {}) {
  const { WEIGHBRIDGE_CUDA: said = 'auto' } = env;
  if (said === 'yes' || said === 'no') return said === 'yes';
  if (said !== 'auto') throw new SetupError(`WEIGHBRIDGE_CUDA is ${said}: say yes, no or auto`);
  if (!existsSync(driverFile)) return false;
  const major = Number(/^NVRM version:.*?\s(\d+)\.\d+/m.exec(readFileSync(driverFile, 'utf8'))?.[1] ?? 0);
  if (major < MIN_DRIVER) log(`python: without CUDA: NVIDIA's driver is ${major}, and CUDA 13 needs ${MIN_DRIVER}`);
  return major >= MIN_DRIVER;
}

/** The first Python that is new enough. WEIGHBRIDGE_PYTHON names another. */
function findPython() {
  const chosen = process.env.WEIGHBRIDGE_PYTHON;
  const seen = [];
  for (const name of chosen ? [chosen] : NAMES) {
    const result = spawnSync(name, ['-c', ABOUT], { encoding: 'utf8', timeout: 30_000 });
    if (result.status !== 0) continue;
    const about = JSON.parse(result.stdout);
    const [major, minor] = about.version;
    const version = about.version.join('.');
    if (major === 3 && minor >= MIN_MINOR) return { path: about.base, version, minor, venv: about.venv };
    seen.push(`${name} is ${version}`);
  }
  const found = seen.join(', ') || (chosen ? `WEIGHBRIDGE_PYTHON=${chosen} does not run` : 'found none');
  throw new SetupError(
    `Python 3.${MIN_MINOR} or newer is needed (${found}). Run: ${isDebian() ? 'apt-get install -y python3 python3-venv' : "your system's package manager to install python3"}`,
  );
}

function installVenv({ minor }) {
  return isDebian()
    ? `apt-get install -y python3.${minor}-venv`
    : "your system's package manager to install Python's venv and ensurepip";
}

function isDebian() {
  return existsSync('/etc/debian_version');
}

/** uv does not read pip's settings; a host that has a mirror of its own has told pip about it. */
function indexForUv() {
  const { PIP_INDEX_URL, UV_INDEX_URL, UV_DEFAULT_INDEX } = process.env;
  return PIP_INDEX_URL && !UV_INDEX_URL && !UV_DEFAULT_INDEX ? { UV_DEFAULT_INDEX: PIP_INDEX_URL } : {};
}

function sitePackages(environment) {
  const [version] = readdirSync(path.join(environment, 'lib')).filter((name) => name.startsWith('python3'));
  return path.join(environment, 'lib', version, 'site-packages');
}

function digestOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function run(command, args, env, hint) {
  const result = spawnSync(command, args, { env, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) throw new SetupError(`"${[command, ...args].join(' ')}" failed. ${hint}`);
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
    const { python, version } = setupPython({ root, log: console.error, dev: !process.argv.includes('--no-dev') });
    console.error(`python: ${version} ready at ${python}`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`setup: ${error.message}`);
    process.exit(1);
  }
}
