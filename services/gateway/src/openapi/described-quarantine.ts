import {
  CheckRowsRequestSchema,
  CheckRowsResponseSchema,
  DiscardQuarantineRequestSchema,
  DiscardQuarantineResponseSchema,
  GetQuarantineResponseSchema,
  ListAnomaliesResponseSchema,
  ListQuarantineResponseSchema,
  ReleaseQuarantineRequestSchema,
  ReleaseQuarantineResponseSchema,
  RepairQuarantineRequestSchema,
  RepairQuarantineResponseSchema,
  RevalidateQuarantineRequestSchema,
  RevalidateQuarantineResponseSchema,
} from '@perennial/contracts';
import { type Described, flag, oneOf, whole, word } from './describe.js';

const kind = { kind: oneOf('Of which of its sets; rows when left out.', 'rows', 'labels') };

/** Rows that are held back, and what is odd about those that are not. */
export const describedQuarantine: Readonly<Record<string, Described>> = {
  'GET /v1/quarantine': {
    says: 'Rows that are held back.',
    gives: ListQuarantineResponseSchema,
    query: {
      source: word('Of one source.'),
      include_repaired: flag('Also what was repaired, released or discarded.'),
    },
  },
  'GET /v1/quarantine/:id': { says: 'Held rows and why.', gives: GetQuarantineResponseSchema },
  'POST /v1/quarantine/repair': {
    says: 'Mend a column of held rows by an expression and let the good ones through.',
    takes: RepairQuarantineRequestSchema,
    gives: RepairQuarantineResponseSchema,
  },
  'POST /v1/quarantine/revalidate': {
    says: 'Verify held rows again as they came, by the schema of now.',
    takes: RevalidateQuarantineRequestSchema,
    gives: RevalidateQuarantineResponseSchema,
  },
  'POST /v1/quarantine/release': {
    says: 'Let held rows through as they are, with a reason.',
    takes: ReleaseQuarantineRequestSchema,
    gives: ReleaseQuarantineResponseSchema,
  },
  'POST /v1/quarantine/discard': {
    says: 'Give held rows up, with a reason; they never come back.',
    takes: DiscardQuarantineRequestSchema,
    gives: DiscardQuarantineResponseSchema,
  },
  'GET /v1/sources/:source/anomalies': {
    says: 'What was found odd about the rows of a source, newest first.',
    gives: ListAnomaliesResponseSchema,
    query: {
      ...kind,
      type: word('Only of this type or rule, for example NO_DATA_IN_SPAN or range.'),
      limit: whole('How many at most; 100 when left out.'),
      before: word('Only what was found before the anomaly with this id.'),
    },
  },
  'POST /v1/sources/:source/check': {
    says: 'What the schema in force says of rows, without recording them.',
    takes: CheckRowsRequestSchema,
    gives: CheckRowsResponseSchema,
    query: kind,
  },
};
