import { shapesOf } from '../gate.js';
import type { ModelDeclaration } from '../model-declaration.js';
import { readModel } from '../onnx/read-model.js';

/** What a model is made of, as far as it can be said without running it. */
export interface ModelDescription {
  /** How often each operator stands in the graph. */
  operators: Record<string, number>;
  /** Numbers that training moves, and that it leaves alone. */
  trainedParameters: number;
  frozenParameters: number;
  /**
   * Tensors that several operators use though the model declares no tie. A layer that is called twice looks like this; so do
   * layers that a stock export merged because their weights started equal, and they would train as one.
   */
  sharedTensors: string[];
}

/** @throws WeighbridgeError MODEL_REJECTED, WireError for files that `checkFit` would refuse */
export function describeModel(declaration: ModelDeclaration, graph: Uint8Array, weights: Uint8Array): ModelDescription {
  const { nodes } = readModel(graph);
  const sizes = new Map([...shapesOf(weights)].map(([name, shape]) => [name, shape.reduce((a, b) => a * b, 1)]));
  const trained = new Set(declaration.trainable);
  const tied = new Set(Object.values(declaration.tied));
  const operators: Record<string, number> = {};
  const uses = new Map<string, number>();
  for (const { op, inputs } of nodes) {
    operators[op] = (operators[op] ?? 0) + 1;
    for (const name of new Set(inputs)) uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const sum = (wanted: boolean) =>
    [...sizes].reduce((total, [name, size]) => total + (trained.has(name) === wanted ? size : 0), 0);
  return {
    operators: Object.fromEntries(Object.entries(operators).sort(([, a], [, b]) => b - a)),
    trainedParameters: sum(true),
    frozenParameters: sum(false),
    sharedTensors: [...trained].filter((name) => (uses.get(name) ?? 0) > 1 && !tied.has(name)),
  };
}
