"""Reads ONNX graphs of the profile: an own reader of the wire form, no onnx or protobuf package, no path opened."""
