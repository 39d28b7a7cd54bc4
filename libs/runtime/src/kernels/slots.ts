import type { ElementType, TensorConstant } from '@perennial/onnx';

/** Array types of the values that kernels work on. */
export interface SlotData {
  float: Float32Array;
  double: Float64Array;
  bool: Uint8Array;
  string: readonly string[];
}

export type SlotType = keyof SlotData;

/** A value of the graph: rows times `columns`, row-major. `data` has room for more rows than a run may have. */
export interface Slot<T extends SlotType = SlotType> {
  readonly type: T;
  readonly columns: number;
  data: SlotData[T];
}

/** One row of constants that goes with every row of a value; one column goes with every column too. */
export interface Constant<T extends SlotType = SlotType> {
  readonly type: T;
  readonly columns: number;
  readonly data: SlotData[T];
  readonly isConstant: true;
}

export type Step = (rows: number) => void;

/** What is in a graph and not understood here; the model runs in the engine then. */
export class NotUnderstood extends Error {}

/** @throws NotUnderstood */
export function expect(condition: unknown, what: string): asserts condition {
  if (!condition) throw new NotUnderstood(what);
}

export function slotTypeOf(type: ElementType): SlotType {
  expect(type === 'float' || type === 'double' || type === 'bool' || type === 'string', `a value of ${type}`);
  return type;
}

/** Rows that the buffers of a new kernel have room for; more grow them. */
const firstRows = 4;

/** The values between steps: one array each, kept from run to run, since runs never overlap. */
export class Slots {
  readonly #kept: { slot: Slot; columns: number }[] = [];
  #rows = firstRows;

  make<T extends SlotType>(type: T, columns: number): Slot<T> {
    const slot = { type, columns, data: dataFor(type, this.#rows * columns) } as Slot<T>;
    this.#kept.push({ slot: slot as unknown as Slot, columns });
    return slot;
  }

  /** A value that is somebody else's array. */
  borrowed<T extends SlotType>(type: T, columns: number): Slot<T> {
    return { type, columns, data: dataFor(type, 0) } as Slot<T>;
  }

  grow(rows: number): void {
    if (rows <= this.#rows) return;
    this.#rows = rows;
    for (const { slot, columns } of this.#kept) slot.data = dataFor(slot.type, rows * columns);
  }
}

function dataFor<T extends SlotType>(type: T, size: number): SlotData[T] {
  const data: SlotData = {
    float: new Float32Array(type === 'float' ? size : 0),
    double: new Float64Array(type === 'double' ? size : 0),
    bool: new Uint8Array(type === 'bool' ? size : 0),
    string: [],
  };
  return data[type];
}

/** @throws NotUnderstood where it is no single row of a type that kernels know */
export function rowOf({ name, type, dims, data }: TensorConstant): Constant {
  const columns = data.length;
  const isRow = dims.length <= 1 || (dims.length === 2 && dims[0] === 1);
  expect(isRow, `constant ${name} of [${dims.join(',')}]`);
  return { type: slotTypeOf(type), columns, data: data as never, isConstant: true };
}

export type NumberSlot = Slot<'float' | 'double'>;

export function isNumeric(value: Slot | NumberSlot): value is NumberSlot {
  return value.type === 'float' || value.type === 'double';
}
