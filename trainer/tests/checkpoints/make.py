"""Writes the checkpoints of this folder, in the form of the published ones but tiny, and the tables that they must give.

Run it in this folder; it needs Python alone. Stand-ins for torch's classes carry torch's names, so that the pickles are
those that `torch.save` writes for whole modules: MuLUT's in a zip archive, SR-LUT's in the legacy container. The tables
come from a forward of its own in double precision, on the grid of 6-bit intervals.
"""
import io, math, os, pickle, random, struct, sys, types, zipfile
from collections import OrderedDict
from itertools import product

NF, INTERVAL = 4, 6
random.seed(20)


def named(module, name, bases=(), **members):
    """A class or function that pickles under another module's name."""
    value = members.pop('value', None) or type(name, bases, members)
    value.__module__, value.__qualname__, value.__name__ = module, name, name
    parts = module.split('.')
    for i in range(len(parts)):
        package = '.'.join(parts[:i + 1])
        target = sys.modules.setdefault(package, types.ModuleType(package))
    setattr(target, name, value)
    return value


def unused(*_):
    raise NotImplementedError


rebuild_tensor = named('torch._utils', '_rebuild_tensor_v2', value=lambda *_: unused())
rebuild_parameter = named('torch._utils', '_rebuild_parameter', value=lambda *_: unused())
FloatStorage = named('torch', 'FloatStorage')


class Storage:
    def __init__(self, values):
        self.values = values


class Tensor:
    def __init__(self, shape, values):
        self.shape, self.storage = shape, Storage(values)

    def __reduce_ex__(self, _):
        strides = [math.prod(self.shape[i + 1:]) for i in range(len(self.shape))]
        return rebuild_tensor, (self.storage, 0, tuple(self.shape), tuple(strides), False, OrderedDict())


class Parameter:
    def __init__(self, *shape):
        count = math.prod(shape)
        spread = 1.0 if len(shape) == 1 else math.sqrt(6 / (count / shape[0]))
        # Values that a float holds exactly, so that both precisions start from the same network.
        values = [round(random.uniform(-spread, spread) * 0.7 * 4096) / 4096 for _ in range(count)]
        self.values, self.tensor = values, Tensor(shape, values)

    def __reduce_ex__(self, _):
        return rebuild_parameter, (self.tensor, True, OrderedDict())


class Module:
    def __init__(self, parameters=(), modules=(), **attributes):
        self.training = True
        self._parameters = OrderedDict(parameters)
        self._buffers = OrderedDict()
        self._non_persistent_buffers_set = set()
        self._backward_hooks = OrderedDict()
        self._modules = OrderedDict(modules)
        self.__dict__.update(attributes)


Conv2d = named('torch.nn.modules.conv', 'Conv2d', (Module,))
ReLU = named('torch.nn.modules.activation', 'ReLU', (Module,))
Conv = named('common.network', 'Conv', (Module,))
DenseConv = named('common.network', 'DenseConv', (Module,))
MuLUTUnit = named('common.network', 'MuLUTUnit', (Module,))
SRNet = named('common.network', 'SRNet', (Module,))
SRNets = named('model', 'SRNets', (Module,))
SRLUT = named('__main__', 'SRNet', (Module,))


def conv2d(inputs, outputs, kernel):
    weight, bias = Parameter(outputs, inputs, *kernel), Parameter(outputs)
    return Conv2d([('weight', weight), ('bias', bias)], in_channels=inputs, out_channels=outputs, kernel_size=kernel,
                  stride=(1, 1), padding_mode='zeros', bias_scale=1.0)


def conv(*args):
    return Conv(modules=[('conv', conv2d(*args))])


def mulut_unit(mode, outputs):
    layers = [('act', ReLU(inplace=False)), ('conv1', conv(1, NF, (1, 4) if mode == 'y' else (2, 2)))]
    for i in range(4):
        dense = DenseConv(modules=[('act', ReLU()), ('conv1', conv(NF * (i + 1), NF, (1, 1)))])
        layers.append((f'conv{i + 2}', dense))
    layers.append(('conv6', conv(NF * 5, outputs, (1, 1))))
    return SRNet(modules=[('model', MuLUTUnit(modules=layers, upscale=1))], mode=mode, K=2)


class Pickler(pickle.Pickler):
    def __init__(self, file, legacy):
        super().__init__(file, 2)
        self.legacy, self.storages, self.classes = legacy, OrderedDict(), set()

    def persistent_id(self, value):
        if isinstance(value, Storage):
            key = str(len(self.storages) + (94000000000000 if self.legacy else 0))
            key = self.storages.setdefault(id(value), (key, value))[0]
            return ('storage', FloatStorage, key, 'cuda:0', len(value.values)) + ((None,) if self.legacy else ())
        if self.legacy and isinstance(value, type) and issubclass(value, Module) and value not in self.classes:
            self.classes.add(value)
            return ('module', value, 'network.py', 'class ' + value.__name__ + ':\n    pass\n')
        return None


def floats(values):
    return struct.pack(f'<{len(values)}f', *values)


def save_zip(value, path):
    stem = os.path.splitext(path)[0]
    data = io.BytesIO()
    pickler = Pickler(data, legacy=False)
    pickler.dump(value)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as archive:
        def write(name, content):
            archive.writestr(zipfile.ZipInfo(f'{stem}/{name}'), content)
        write('data.pkl', data.getvalue())
        for key, storage in pickler.storages.values():
            write(f'data/{key}', floats(storage.values))
        write('version', b'3\n')


def save_legacy(value, path):
    with open(path, 'wb') as file:
        pickle.dump(0x1950a86a20f9469cfc6c, file, 2)
        pickle.dump(1001, file, 2)
        pickle.dump({'protocol_version': 1001, 'little_endian': True, 'type_sizes': {'int': 4}}, file, 2)
        pickler = Pickler(file, legacy=True)
        pickler.dump(value)
        storages = sorted(pickler.storages.values(), key=lambda pair: pair[0])
        pickle.dump([key for key, _ in storages], file, 2)
        for _, storage in storages:
            file.write(struct.pack('<q', len(storage.values)) + floats(storage.values))


def linear(layer, inputs):
    weight, bias = layer._parameters['weight'].values, layer._parameters['bias'].values
    n = len(inputs)
    return [b + sum(w * x for w, x in zip(weight[o * n:], inputs)) for o, b in enumerate(bias)]


def forward(layers, inputs, dense, squash):
    features = inputs
    for i, layer in enumerate(layers[:-1]):
        out = [max(0.0, v) for v in linear(layer, features)]
        features = features + out if dense and i else out
    return [squash(v) for v in linear(layers[-1], features)]


def save_table(path, layers, dense, squash, shape):
    nodes = [min(v, 255) / 255 for v in range(0, 257, 1 << INTERVAL)]
    entries = []
    for inputs in product(nodes, repeat=4):
        for value in forward(layers, list(inputs), dense, squash):
            value = max(-1.0, min(1.0, value)) * 127
            assert abs(value % 1 - 0.5) > 1e-4, 'too near a tie to hold single precision to'
            entries.append(round(value))
    header = "{'descr': '|i1', 'fortran_order': False, 'shape': %s, }" % (shape,)
    with open(path, 'wb') as file:
        file.write(b'\x93NUMPY\x01\x00\x76\x00' + header.ljust(117).encode() + b'\n')
        file.write(struct.pack(f'{len(entries)}b', *entries))


def make_mulut():
    units = OrderedDict((f's{stage}_{mode}', mulut_unit(mode, 1 if stage == 1 else 4)) for stage in (1, 2) for mode in 'sy')
    save_zip(SRNets(modules=units), 'mulut.pth')
    for name, unit in units.items():
        modules = unit._modules['model']._modules
        inner = lambda i: modules[f'conv{i}']._modules['conv1'] if 2 <= i <= 5 else modules[f'conv{i}']
        layers = [inner(i)._modules['conv'] for i in range(1, 7)]
        outputs = 1 if name.startswith('s1') else 4
        save_table(f'LUT_x2_{INTERVAL}bit_int8_{name}.npy', layers, True, math.tanh, (625, outputs))


def make_srlut():
    sizes = [(1, NF, (2, 2))] + [(NF, NF, (1, 1))] * 4 + [(NF, 9, (1, 1))]
    layers = [conv2d(*size) for size in sizes]
    save_legacy(SRLUT(modules=[(f'conv{i + 1}', layer) for i, layer in enumerate(layers)], upscale=3), 'srlut.pth')
    save_table(f'Model_S_x3_{INTERVAL}bit_int8.npy', layers, False, lambda v: v, (625, 1, 3, 3))


class Hostile:
    def __reduce__(self):
        return os.system, ('touch a-hostile-pickle-was-executed',)


make_mulut()
make_srlut()
save_zip(OrderedDict(weight=Hostile()), 'hostile_zip.pth')
save_legacy(OrderedDict(weight=Hostile()), 'hostile_legacy.pth')
