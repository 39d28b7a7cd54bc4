// docs/events.md: the catalogue for people.
import {
  arrivalAddress,
  commentOf,
  eventAddress,
  eventHeaders,
  events,
  eventType,
  fieldComment,
  PredictionBatchSchema,
  predictionAddress,
  streamOf,
  streams,
  typesUsedBy,
  typeText,
} from './contracts.mjs';

const days = ({ maxAgeDays }) => `${maxAgeDays} ${maxAgeDays === 1 ? 'day' : 'days'}`;

function fieldTable(desc) {
  if (desc.kind === 'enum') return desc.values.map(({ name }) => `- \`${name}\``);
  if (desc.fields.length === 0) return ['No fields.'];
  const rows = desc.fields.map(
    (field) =>
      `| \`${field.jsonName}\` | ${typeText(field)} | ${(fieldComment(field) ?? '').replaceAll('|', '\\|')} |`,
  );
  return ['| field | type | |', '|---|---|---|', ...rows];
}

function eventSection(event) {
  return [
    `### ${event.name}`,
    '',
    event.says,
    '',
    `- type \`${eventType(event)}\``,
    `- subject \`${eventAddress(event).replace(/\{(\w+)\}/g, '<$1>')}\``,
    `- told by ${event.producer}, as ${event.schema.name}${commentOf(event.schema) ? `: ${commentOf(event.schema)}` : ''}`,
    '',
    ...fieldTable(event.schema),
    '',
  ];
}

export function eventsPage() {
  const all = Object.values(events);
  const carried = streams.filter(({ name }) => all.some((event) => event.stream === name));
  const bodies = new Set(all.map(({ schema }) => schema.name));
  const shared = typesUsedBy([...all.map(({ schema }) => schema), PredictionBatchSchema]).filter(
    ({ name }) => !bodies.has(name),
  );
  const index = all.map(
    (event) =>
      `| [${event.name}](#${event.name.replace('.', '')}) | ${event.stream} | ${event.producer} | ${event.says} |`,
  );
  return [
    '# Events',
    '',
    '<!-- Written by scripts/generate.mjs from the contracts; change those and run `npm run generate`. -->',
    '',
    'Every domain event is a CloudEvent 1.0 in NATS binary mode: attributes in `ce-` headers, the body canonical ProtoJSON',
    'in which fields with their default value are left out. Within a major version fields are only added. The same as',
    '[AsyncAPI](asyncapi.json).',
    '',
    ...wrapped(
      `Headers: ${Object.values(eventHeaders)
        .map((name) => `\`${name}\``)
        .join(', ')}.`,
    ),
    '',
    '`ce-id` is a UUIDv7 and the `Nats-Msg-Id`; `ce-sequence` counts the events of one aggregate from 1 without gaps;',
    '`ce-correlationid` and `ce-causationid` say what it belongs to and which event led to it; `ce-dataref` stands where the',
    'body is an artifact.',
    '',
    '| event | stream | told by | says |',
    '|---|---|---|---|',
    ...index,
    '',
    '## Messages that are no events',
    '',
    '| subject | stream | kept | what |',
    '|---|---|---|---|',
    `| \`${angled(arrivalAddress('rows'))}\` | ROWS | ${days(streamOf('ROWS'))} | a row, as its producer sends it |`,
    `| \`${angled(arrivalAddress('labels'))}\` | ROWS | ${days(streamOf('ROWS'))} | a label: the late truth about a prediction or a row |`,
    `| \`${angled(predictionAddress)}\` | PREDICTION | ${days(streamOf('PREDICTION'))} | requests and their answers, those of some milliseconds together, as [PredictionBatch](#predictionbatch) |`,
    '',
    ...carried.flatMap((stream) => [
      `## Stream ${stream.name}`,
      '',
      `Subjects ${stream.subjects.map((subject) => `\`${subject}\``).join(', ')}; kept ${days(stream)}.`,
      '',
      ...all.filter((event) => event.stream === stream.name).flatMap(eventSection),
    ]),
    '## Types',
    '',
    ...shared.flatMap((desc) => [
      `### ${desc.name}`,
      '',
      ...(commentOf(desc) ? [commentOf(desc), ''] : []),
      ...fieldTable(desc),
      '',
    ]),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

/** Lines of at most 125 columns. */
function wrapped(text) {
  return text.match(/.{1,125}(?:\s|$)/g).map((line) => line.trimEnd());
}

function angled(address) {
  return address.replace(/\{(\w+)\}/g, '<$1>');
}
