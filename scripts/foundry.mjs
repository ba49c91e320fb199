import { createRequire } from 'node:module';

/**
 * Path of forge or anvil itself. npm's `node_modules/.bin/forge` is a Node script around it that ends with 0 whatever
 * forge says, so a check that goes through it cannot fail, and that leaves anvil behind when it is killed.
 */
export function foundryBinary(name) {
  const require = createRequire(import.meta.url);
  const cpu = process.arch === 'x64' ? 'amd64' : process.arch;
  const wrapper = createRequire(require.resolve(`@foundry-rs/${name}/package.json`));
  return wrapper.resolve(`@foundry-rs/${name}-${process.platform}-${cpu}/bin/${name}`);
}
