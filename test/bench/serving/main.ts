/**
 * `npm run bench serving`: what a prediction costs, beside what it could cost at least: a bare node:http server that
 * parses and answers the same JSON, a bare grpc-js echo, and the model alone. One machine, one run, short slots in
 * turn; CPU time of the server processes is the figure that holds on shared cores.
 */
import { line } from '../figures.js';
import { requestBytes } from './bodies.js';
import { cellsOf } from './cells.js';
import { Child } from './child.js';
import { longRun, openLoop, overload } from './extras.js';
import { inProcess } from './in-process.js';
import { type BenchOptions, optionsOf } from './options.js';
import { Perennial, places } from './perennial.js';
import { pythonServers } from './python.js';
import { lines, writePage } from './report.js';
import { ask, orderOf, runRounds, type Stage } from './rounds.js';
import { summarize } from './summary.js';
import { verdictsOf } from './verdicts.js';

export async function benchServing(words: readonly string[]): Promise<void> {
  const options = optionsOf(words);
  const load = Child.start('./load/process.js');
  const perennial = await Perennial.start();
  try {
    for (const model of options.models) for (const place of places) await perennial.bring(model, place);
    if (options.overload) await perennial.bring('wide', 'pool');
    const stage = await stageOf(perennial, load, options);
    try {
      await measure(stage, options);
    } finally {
      await stage.bareHttp.child.stop();
      await stage.bareGrpc.child.stop();
    }
  } finally {
    await load.stop();
    await perennial.stop();
  }
}

async function measure(stage: Stage, options: BenchOptions): Promise<void> {
  const cells = cellsOf(options);
  const perRound = (cells.length * options.slotMs * 1.5) / 60_000;
  line(
    `${cells.length} cells, ${options.rounds} rounds of ${options.slotMs} ms slots: about ${Math.ceil(perRound * options.rounds)} min`,
  );
  await warmUp(stage, options);
  const samples = await runRounds(stage, cells, options, (round) =>
    line(`round ${round} of ${options.rounds}`),
  );
  const results = {
    rows: summarize(cells, samples),
    inProcess: await inProcess(options),
    open: await openLoop(stage, options),
    overload: options.overload ? await overload(stage, options) : [],
    memory: await longRun(stage, options),
    python: await pythonServers(stage, options),
  };
  const verdicts = verdictsOf(results);
  for (const text of lines(results, verdicts)) line(text);
  if (options.write) await writePage(results, verdicts, options);
}

/** Long enough for the compilers of all processes to have settled on the code of the hot path. */
async function warmUp(stage: Stage, options: BenchOptions): Promise<void> {
  for (const server of ['bare', ...places] as const)
    for (const protocol of options.protocols) {
      const cell = {
        server,
        model: options.models[0],
        protocol,
        connections: 16,
        rows: options.rows[0] ?? 1,
      };
      await ask(stage.load, orderOf(stage, cell, { warmMs: 0, measureMs: options.slotMs * 4 }));
    }
  await stage.perennial.settled();
}

/** The bare servers answer what the platform answered. */
async function stageOf(perennial: Perennial, load: Child, { rows, models }: BenchOptions): Promise<Stage> {
  const answers: Record<string, unknown> = {};
  const model = Perennial.modelName(models[0] ?? 'linear', 'edge');
  // The open loop asks for one row, whatever the cells ask for.
  for (const count of new Set([1, ...rows])) {
    const asked = { model, rows: count, token: perennial.token };
    const json = bodyOf(requestBytes({ ...asked, protocol: 'http json' }));
    const answer = await perennial.call('POST', `/v2/models/${model}/infer`, json);
    const told = JSON.parse(answer.toString()) as { outputs: object[] };
    answers[`json ${count}`] = told;
    const outputs = told.outputs.map((output) => ({
      ...output,
      data: undefined,
      parameters: { binary_data_size: count * 4 },
    }));
    answers[`binary ${count}`] = { ...told, outputs };
  }
  const bareHttp = Child.start('./servers/bare-http.js');
  const { port } = await bareHttp.next<{ port: number }>();
  await bareHttp.ask({ answers });
  const bareGrpc = Child.start('./servers/bare-grpc.js');
  const { port: grpcPort } = await bareGrpc.next<{ port: number }>();
  return {
    perennial,
    load,
    bareHttp: { child: bareHttp, port },
    bareGrpc: { child: bareGrpc, port: grpcPort },
  };
}

function bodyOf(request: Buffer): Buffer {
  return request.subarray(request.indexOf('\r\n\r\n') + 4);
}
