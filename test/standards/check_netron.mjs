// Opens model files in Netron, as a person does who wants to see one: every node, and every weight with its bytes. Run by hand:
//   python -m pip download --no-deps netron==9.0.0 && unzip netron-*.whl -d netron
//   unzip model.wbm -d model
//   npx node test/standards/check_netron.mjs netron/netron model ...
// Real: Netron's own reader of ONNX. Absent: its drawing.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [netron = '', ...folders] = process.argv.slice(2);
const load = async (name) => import(pathToFileURL(path.resolve(netron, name)).href);
const [{ BinaryStream }, { ModelFactoryService }] = await Promise.all([load('base.js'), load('view.js')]);

for (const folder of folders) {
  const { format, modules } = await open(folder);
  const [graph] = modules;
  const bytes = new Map();
  for (const { value } of graph.nodes.flatMap(({ inputs }) => inputs)) {
    for (const { initializer } of value.filter((one) => one?.initializer)) {
      await initializer.read?.();
      bytes.set(initializer.name, initializer.values.length);
    }
  }
  const stored = storedBytes(folder);
  const unlike = Object.keys(stored).filter((name) => bytes.get(name) !== stored[name]);
  if (unlike.length > 0) throw new Error(`${folder}: Netron shows other bytes of ${unlike.join(', ')}`);
  console.log(`${folder}: ${format}, ${graph.nodes.length} nodes, ${Object.keys(stored).length} weights`);
}

async function open(folder) {
  const read = (file) => new BinaryStream(new Uint8Array(readFileSync(path.join(folder, file))));
  const fail = (error) => {
    throw error;
  };
  const surroundings = {
    type: 'Test',
    require: async (id) => load(`${id}.js`),
    asset: async (file) => readFileSync(path.join(netron, file), 'utf8'),
    event: () => {},
    error: fail,
  };
  const file = {
    identifier: 'graph.onnx',
    stream: read('graph.onnx'),
    entries: new Map(),
    fetch: async (name) => read(name),
  };
  return new ModelFactoryService(surroundings).open({ ...surroundings, ...file });
}

/** Bytes of each tensor by the header of the safetensors file. */
function storedBytes(folder) {
  const file = readFileSync(path.join(folder, 'weights.safetensors'));
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString());
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          data_offsets: [from, to],
        },
      ]) => [name, to - from],
    ),
  );
}
