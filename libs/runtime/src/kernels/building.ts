import type { Attribute, Node, TensorConstant } from '@perennial/onnx';
import type { Constant, Slot, Slots, SlotType } from './slots.js';

type Kinds = { [A in Attribute as A['kind']]: A['value'] };

/** What an operator gets to build its step from. */
export interface Building {
  readonly node: Node;
  readonly slots: Slots;
  /** A value that depends on the inputs. */
  value(name: string | undefined): Slot | undefined;
  /** A constant that is one row. */
  constant(name: string | undefined): Constant | undefined;
  /** Any constant. */
  tensor(name: string | undefined): TensorConstant | undefined;
  /** The attribute, or undefined where it is absent; of another kind is not understood. */
  attribute<K extends keyof Kinds>(name: string, kind: K): Kinds[K] | undefined;
  /** Names the node's one output. */
  output<T extends SlotType>(slot: Slot<T>): Slot<T>;
  /** Values of an input that its answers turn on, for the comparison with the engine. */
  probe(of: Slot, column: number, values: Iterable<number | string>): void;
}
