/**
 * Field numbers of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that the profile admits. Any other
 * number is refused by the readers, here and in the trainer: functions (25), training_info (20), subgraphs, sparse and
 * quantised tensors have no place in a model that is data.
 */
export const MODEL = { irVersion: 1, graph: 7, opset: 8 } as const;
/** Of the model: producer name and version, domain, model version, doc string, metadata. Skipped unread. */
export const MODEL_NOTES = [2, 3, 4, 5, 6, 14];
export const OPSET = { domain: 1, version: 2 } as const;
export const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const;
/** Of the graph: doc string, value_info, quantisation notes, metadata. */
export const GRAPH_NOTES = [10, 13, 16];
export const NODE = { input: 1, output: 2, name: 3, op: 4, attribute: 5, domain: 7 } as const;
export const NODE_NOTES = [6, 9];
export const ATTRIBUTE = { name: 1, float: 2, int: 3, text: 4, ints: 8, type: 20 } as const;
export const ATTRIBUTE_TYPE = { float: 1, int: 2, text: 3, ints: 7 } as const;
export const TENSOR = { dims: 1, dataType: 2, name: 8, external: 13, location: 14 } as const;
/** Values that stand in the graph itself: allowed for the small integers of a shape, see `read-model`. */
export const TENSOR_INLINE = [4, 5, 7, 9];
export const TENSOR_NOTES = [12, 16];
export const ENTRY = { key: 1, value: 2 } as const;
export const VALUE = { name: 1, type: 2 } as const;
export const VALUE_NOTES = [3, 4];
export const TYPE = { tensor: 1 } as const;
export const TENSOR_TYPE = { elementType: 1, shape: 2 } as const;
export const SHAPE = { dim: 1 } as const;
export const DIM = { value: 1, param: 2 } as const;

export const FLOAT32 = 1;
/** `TensorProto.DataType` of what a graph takes in. */
export const ELEMENT_TYPES = { float32: FLOAT32, int32: 6, int64: 7, bool: 9 } as const;
/** Of small constants (shapes, axes, masks, epsilons) that may stand in the graph; the trainer caps their size. */
export const INLINE_TYPES: readonly number[] = Object.values(ELEMENT_TYPES);
/** `TensorProto.DataLocation.EXTERNAL`. */
export const EXTERNAL = 1;
/** The one file that `external_data` may name. Nothing opens it by this name: the worker looks tensors up by theirs. */
export const WEIGHTS_LOCATION = 'weights.safetensors';

/** What the readers accept; opset 18 to 25 is what `torch.onnx.export` writes today. */
export const IR_VERSIONS = { min: 8, max: 13 } as const;
export const OPSET_VERSIONS = { min: 18, max: 25 } as const;
