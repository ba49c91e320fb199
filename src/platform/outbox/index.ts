export * from './dispatcher.js';
export * from './enqueue.js';
export * from './message.js';
