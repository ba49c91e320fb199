import { readFileSync } from 'node:fs';
import path from 'node:path';
import Ajv from 'ajv';
import { parse } from 'yaml';

/**
 * What is wrong with a compose file: against the Compose Specification's JSON schema, and where it names a service, a
 * volume, a network or a secret that it does not define (which a schema cannot see). Empty if nothing is.
 * @param {string} root of the checkout
 * @param {string} file relative to it
 * @returns {string[]}
 */
export function composeErrors(root, file) {
  const schema = JSON.parse(readFileSync(path.join(root, 'test/vectors/compose-spec/compose_spec.json'), 'utf8'));
  const compose = parse(readFileSync(path.join(root, file), 'utf8'), { merge: true });
  // The schema uses formats of Docker's own ("ports", "expose", "duration"), which no JSON Schema validator knows.
  const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  if (!validate(compose)) {
    return validate.errors.map((error) => `${file}${error.instancePath}: ${error.message}`);
  }
  return Object.entries(compose.services).flatMap(([name, service]) =>
    danglingNames(compose, service).map((what) => `${file}: service ${name} names ${what}, which is not defined`),
  );
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
