import { readFileSync } from 'node:fs';
import path from 'node:path';
import Ajv from 'ajv';
import { parse } from 'yaml';

const SCHEMA = 'test/vectors/compose-spec/compose_spec.json';

/**
 * What is wrong with a compose file: against the Compose Specification's JSON schema, and where it names a service, a
 * volume, a network or a secret that it does not define (which a schema cannot see). Empty if nothing is.
 * @param {string} root of the checkout
 * @param {string} file relative to it
 * @returns {string[]}
 */
export function composeErrors(root, file) {
  // It names a dialect that does not exist by that address; what it uses is draft 7.
  const { $schema: _, ...schema } = JSON.parse(readFileSync(path.join(root, SCHEMA), 'utf8'), withoutOldIds);
  const compose = parse(readFileSync(path.join(root, file), 'utf8'), { merge: true });
  // Its formats ("ports", "expose", "duration") are Docker's own, which no JSON Schema validator knows.
  const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  if (!validate(compose)) {
    return validate.errors.map(
      (error) => `${file}${error.instancePath}: ${error.message} (${JSON.stringify(error.params)})`,
    );
  }
  return Object.entries(compose.services).flatMap(([name, service]) =>
    danglingNames(compose, service).map((what) => `${file}: service ${name} names ${what}, which is not defined`),
  );
}

/** Draft 4 called `id` what is `$id` since; they only repeat where they stand. */
function withoutOldIds(key, value) {
  return key === 'id' && typeof value === 'string' ? undefined : value;
}

function danglingNames(compose, service) {
  const missing = (kind, names, defined = {}) =>
    names.filter((name) => !Object.hasOwn(defined, name)).map((name) => `${kind} "${name}"`);
  const namesOf = (list) => (Array.isArray(list) ? list.map((x) => x.source ?? x) : Object.keys(list ?? {}));
  const volumes = (service.volumes ?? []).map((v) => v.source ?? String(v).split(':')[0]);
  return [
    ...missing('service', namesOf(service.depends_on), compose.services),
    ...missing('secret', namesOf(service.secrets), compose.secrets),
    ...missing('config', namesOf(service.configs), compose.configs),
    ...missing('network', namesOf(service.networks), compose.networks),
    ...missing(
      'volume',
      volumes.filter((v) => /^[a-z]/.test(v)),
      compose.volumes,
    ), // the others are paths
  ];
}
