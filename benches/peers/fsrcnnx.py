"""FSRCNNX 8-0-4-1 on the luma of one frame, in ONNX Runtime: a peer of the pipeline benchmark.

    fsrcnnx.py WIDTH HEIGHT SCALE THREADS < numbers of frames, one a line > seconds for each line

The first line of the output is the version of ONNX Runtime. Weights are random: the time does not depend on them.
The network: 5x5 convolution to 8 channels, four 3x3 convolutions, 3x3 to scale^2 channels, depth to space.
"""

import sys
import time

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 8
MAPPINGS = 4


def network(scale):
    random = numpy.random.default_rng(0)
    nodes, weights = [], []

    def convolution(source, name, side, inputs, outputs):
        kernel = random.standard_normal((outputs, inputs, side, side)) * 0.05
        weights.append(numpy_helper.from_array(kernel.astype("f"), f"{name}-kernel"))
        nodes.append(helper.make_node("Conv", [source, f"{name}-kernel"], [name], pads=[side // 2] * 4))
        return name

    def activated(source, name):
        nodes.append(helper.make_node("Relu", [source], [name]))
        return name

    plane = activated(convolution("luma", "features", 5, 1, CHANNELS), "features-relu")
    for number in range(MAPPINGS):
        mapping = convolution(plane, f"mapping{number}", 3, CHANNELS, CHANNELS)
        plane = activated(mapping, f"{mapping}-relu")
    plane = convolution(plane, "sub-pixels", 3, CHANNELS, scale * scale)
    nodes.append(helper.make_node("DepthToSpace", [plane], ["upscaled"], blocksize=scale, mode="CRD"))
    graph = helper.make_graph(
        nodes,
        "fsrcnnx-8-0-4-1",
        [helper.make_tensor_value_info("luma", TensorProto.FLOAT, [1, 1, "height", "width"])],
        [helper.make_tensor_value_info("upscaled", TensorProto.FLOAT, None)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def main():
    width, height, scale, threads = map(int, sys.argv[1:])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Between frames the others are measured: no thread may spin.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = network(scale).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    luma = numpy.random.default_rng(1).random((1, 1, height, width), dtype="f")
    print(onnxruntime.__version__, flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        for _ in range(int(line)):
            session.run(None, {"luma": luma})
        print(time.perf_counter() - started, flush=True)


main()
