import { parseEventTime } from '@perennial/kernel';
import { parseExpression } from '../expression/parse.js';
import { readLate, readZone } from '../source/read-source.js';
import { SpecFile } from './problems.js';
import { readFeatures } from './read-features.js';
import { readServing, servingFields } from './read-serving.js';
import { Reader } from './reader.js';
import {
  decayAnswers,
  leakAnswers,
  metrics,
  pools,
  riskClasses,
  type System,
  systemSchema,
  tasks,
  trainerParameters,
  trainers,
} from './system.js';

const rootFields = [
  'apiVersion',
  'kind',
  'name',
  'purpose',
  'source',
  'label',
  'features',
  'train',
  'gate',
  'serve',
  'monitor',
  'on-decay',
  'risk',
] as const;
const dayMs = 86_400_000;
/** A hundred windows of quiet between two false alarms, and more: people stop reading alarms otherwise. */
const falseAlarmsDefault = 0.001;

type Label = System['label'];

/**
 * Reads a system.yaml.
 *
 * @throws PlatformError SPEC_INVALID with every problem found, one a line: its line, its path, what is wrong and the fix
 */
export function parseSystem(yaml: string): System {
  const file = new SpecFile(yaml);
  const at = new Reader(file, file.value, []).fields(rootFields);
  if (!at) return file.refuse() as never;
  at.apiVersion.choice(['perennial/v1']);
  at.kind.choice(['System']);
  const source = readSource(at.source);
  const label = readLabel(at.label);
  const draft = {
    name: at.name.name(),
    ...(at.purpose.isAbsent ? {} : { purpose: at.purpose.text() }),
    source,
    label,
    features: label && source && readFeatures(at.features, label, source),
    train: readTrain(at.train),
    gate: label && readGate(at.gate, label),
    serve: readServe(at.serve),
    monitor: label && readMonitor(at.monitor, label),
    onDecay: at['on-decay'].choice(decayAnswers, 'alert'),
    risk: { class: at.risk.optionalFields(['class'])?.class.choice(riskClasses, 'minimal') },
  };
  checkSlices(at.gate, draft.gate, draft.features);
  checkReward(at.serve, draft.serve, label);
  file.refuse();
  // Nothing was refused, so that every part is there: the schema is asked once more, for our own sake.
  return systemSchema.parse(draft);
}

function readSource(at: Reader): System['source'] | undefined {
  const fields = at.fields(['name', 'time', 'key', 'schema', 'zone', 'late']);
  if (!fields) return undefined;
  const [name, time] = [fields.name.name(), fields.time.column('the column with the event time')];
  const key = fields.key.items().map((item) => item.column());
  fields.schema.choice(['inferred'], 'inferred');
  const zone = readZone(fields.zone);
  const late = fields.late.isAbsent ? undefined : readLate(fields.late);
  if (name === undefined || time === undefined) return undefined;
  return {
    name,
    time,
    key: key.filter((column) => column !== undefined),
    schema: 'inferred',
    ...(zone !== undefined && { zone }),
    ...(late !== undefined && { late }),
  };
}

function readLabel(at: Reader): Label | undefined {
  const fields = at.fields(['name', 'column', 'expr', 'task', 'arrives']);
  if (!fields) return undefined;
  const task = fields.task.choice(tasks);
  const arrives = fields.arrives.optionalFields(['within']);
  const arrivesWithinMs = arrives?.within.durationMs({ byDefault: dayMs });
  const origin = readOrigin(at, fields);
  if (!origin || !task || arrivesWithinMs === undefined) return undefined;
  return { ...origin, task, arrivesWithinMs };
}

/** A label comes as a message with a column, or is computed from the row by an expression. */
function readOrigin(
  at: Reader,
  { name, column, expr }: Record<'name' | 'column' | 'expr', Reader>,
): Pick<Label, 'name' | 'column' | 'expr'> | undefined {
  if (column.isAbsent === expr.isAbsent) {
    return at.report(
      'it needs either "column", for labels that arrive, or "expr", for labels made of the row',
    );
  }
  if (!column.isAbsent) {
    const text = column.column();
    const own = name.isAbsent ? text : name.column('a name');
    return text === undefined || own === undefined ? undefined : { name: own, column: text };
  }
  const text = expr.text('an expression');
  const own = name.column('a name for what the expression gives');
  if (text === undefined || own === undefined) return undefined;
  const parsed = at.file.attempt(expr.path, (field) => parseExpression(text, field));
  if (parsed && parsed.type === 'text') return expr.report('a label is a number or a condition, not a text');
  return parsed && { name: own, expr: text };
}

function readTrain(at: Reader): Partial<System['train']> | undefined {
  const fields = at.optionalFields(['trainer', 'on', 'parameters', 'resources', 'leaks']);
  if (!fields) return undefined;
  const trainer = fields.trainer.choice(trainers, 'gbdt');
  const pool = fields.resources.optionalFields(['pool'])?.pool.choice(pools, 'cpu');
  const on = readSpan(fields.on);
  const leaks = fields.leaks.isAbsent ? undefined : fields.leaks.choice(leakAnswers);
  if (!trainer || !pool || !on) return undefined;
  return {
    trainer,
    on,
    parameters: readParameters(fields.parameters, trainerParameters[trainer]),
    resources: { pool },
    ...(leaks !== undefined && { leaks }),
  };
}

function readSpan(at: Reader): System['train']['on'] | undefined {
  if (at.isAbsent) return { window: 'all' };
  const fields = at.fields(['window', 'from', 'to']);
  if (!fields) return undefined;
  const { window, from, to } = fields;
  if (!window.isAbsent) {
    if (!from.isAbsent || !to.isAbsent) return at.report('"window" and "from" with "to" exclude each other');
    return window.choice(['all']) && { window: 'all' };
  }
  const span = { from: from.eventTime(), to: to.eventTime() };
  if (span.from === undefined || span.to === undefined) return undefined;
  if (parseEventTime(span.from, 'from') >= parseEventTime(span.to, 'to')) {
    return at.report('"from" must lie before "to"');
  }
  return { from: span.from, to: span.to };
}

/** Numbers by name; `min-leaf-rows` and `minLeafRows` are the same. */
function readParameters(at: Reader, names: readonly string[]): Record<string, number> {
  if (at.isAbsent) return {};
  const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const fields = at.fields([...new Set([...names, ...names.map(kebab)])]);
  if (!fields) return {};
  const entries = names.flatMap((name) => {
    const given = [...new Set([name, kebab(name)])]
      .map((one) => fields[one] as Reader)
      .filter((one) => !one.isAbsent);
    if (given.length > 1) given[1]?.report(`"${name}" is there twice`);
    const number = given[0]?.number();
    return number === undefined ? [] : [[name, number] as const];
  });
  return Object.fromEntries(entries);
}

function readGate(at: Reader, { task }: Label): Partial<System['gate']> | undefined {
  const fields = at.fields(['metric', 'hold-out', 'better-than-champion', 'slices', 'serving']);
  if (!fields) return undefined;
  const better = fields['better-than-champion'].optionalFields(['by', 'confidence']);
  const serving = fields.serving.optionalFields(['p99', 'memory']);
  const confidence = better?.confidence.isAbsent ? undefined : better?.confidence.share({ max: 0.9999 });
  const slices = fields.slices.items().map((item) => {
    const slice = item.fields(['column', 'min-rows']);
    const minRows = slice?.['min-rows'].counted('row', { byDefault: 30 });
    return { column: slice?.column.column() ?? '', minRows: minRows ?? 0 };
  });
  return {
    metric: fields.metric.choice<System['gate']['metric']>(metrics[task]) as System['gate']['metric'],
    holdOutRows: fields['hold-out'].fields(['last'])?.last.counted('row', { min: 1 }) as number,
    betterBy: better?.by.share({ byDefault: 0 }) as number,
    ...(confidence === undefined ? {} : { confidence }),
    slices,
    serving: {
      ...(serving?.p99.isAbsent === false && { p99Ms: serving.p99.durationMs() as number }),
      ...(serving?.memory.isAbsent === false && { memoryBytes: serving.memory.bytes() as number }),
    },
  };
}

function checkSlices(
  at: Reader,
  gate: Partial<System['gate']> | undefined,
  features: System['features'] | undefined,
): void {
  if (!features) return;
  for (const { column } of gate?.slices ?? []) {
    if (column === '' || features.some(({ name }) => name === column)) continue;
    at.file.report([...at.path, 'slices'], `"${column}" is no feature; slices are made by features`);
  }
}

/** Nothing but its label is joined to a system's predictions. */
function checkReward(at: Reader, serve: System['serve'] | undefined, label: Label | undefined): void {
  const reward = serve?.bandit?.reward;
  if (!label || reward === undefined || reward === label.name || reward === label.column) return;
  at.file.report([...at.path, 'bandit', 'reward'], `"${reward}" is not the label; write "${label.name}"`);
}

function readServe(at: Reader): System['serve'] | undefined {
  const fields = at.optionalFields(['pool', 'rollout', ...servingFields]);
  const rollout = fields?.rollout.optionalFields(['shadow', 'canary', 'step']);
  const pool = fields?.pool.choice(pools, 'cpu');
  if (!rollout || !pool) return undefined;
  const canary = rollout.canary;
  const shares = canary.isAbsent ? [0.5] : canary.items().map((item) => item.share({ max: 1 }) ?? 0);
  if (shares.some((share, index) => share <= (shares[index - 1] ?? 0))) {
    return canary.report('the shares of a canary grow from step to step, and none is 0');
  }
  const shadowPredictions = rollout.shadow.counted('prediction', { byDefault: 10 });
  const stepPredictions = rollout.step.counted('prediction', { byDefault: 10 });
  if (shadowPredictions === undefined || stepPredictions === undefined) return undefined;
  const rolloutRead = { shadowPredictions, canaryShares: shares, stepPredictions };
  return { pool, rollout: rolloutRead, ...(fields && readServing(fields)) };
}

function readMonitor(at: Reader, { task }: Label): System['monitor'] | undefined {
  const fields = at.fields(['window', 'drift', 'decay']);
  if (!fields) return undefined;
  const windowRows = fields.window.counted('row', { min: 2 });
  const falseAlarmsPerWindow = readFalseAlarms(
    fields.drift.optionalFields(['false-alarms'])?.['false-alarms'],
  );
  const decay = fields.decay.fields(['metric', 'worse-than']);
  const metric = decay?.metric.choice<System['gate']['metric']>(metrics[task]);
  const worseThan = decay?.['worse-than'].share({ max: 100 });
  if (windowRows === undefined || falseAlarmsPerWindow === undefined || !metric || worseThan === undefined) {
    return undefined;
  }
  return { windowRows, falseAlarmsPerWindow, decay: { metric, worseThan } };
}

/** `1 per 1000 windows` */
function readFalseAlarms(at: Reader | undefined): number | undefined {
  if (!at || at.isAbsent) return falseAlarmsDefault;
  const match = /^(\d{1,6}) per (\d{1,9}) windows$/.exec(String(at.value));
  const share = match && Number(match[1]) / Number(match[2]);
  if (share && share > 0 && share < 1) return share;
  return at.report(`${JSON.stringify(at.value)} is not understood; write for example "1 per 1000 windows"`);
}
