export * from './bytes.js';
export * from './canonical-json.js';
export * from './errors.js';
export * from './json-forms.js';
export * from './money.js';
export * from './network.js';
export * from './price.js';
export * from './typed-data.js';
