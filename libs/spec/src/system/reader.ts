import { parseDuration, parseEventTime } from '@perennial/kernel';
import { nearest } from '../nearest.js';
import type { Path, SpecFile } from './problems.js';

/** One value of the file. Its readers note what is wrong and give undefined, so that all is found in one go. */
export class Reader {
  constructor(
    readonly file: SpecFile,
    readonly value: unknown,
    readonly path: Path,
  ) {}

  get isAbsent(): boolean {
    return this.value === undefined || this.value === null;
  }

  report(text: string): undefined {
    this.file.report(this.path, text);
    return undefined;
  }

  /** The fields of a map; a field that is not among `names` is a problem. Undefined where this is no map. */
  fields<Name extends string>(names: readonly Name[]): Record<Name, Reader> | undefined {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      return this.report(`a map with ${names.join(', ')} was expected`);
    }
    const given = this.value as Record<string, unknown>;
    for (const name of Object.keys(given)) {
      if ((names as readonly string[]).includes(name)) continue;
      const meant = nearest(name, names);
      const hint = meant ? `did you mean "${meant}"?` : `known here: ${names.join(', ')}`;
      this.file.report([...this.path, name], `unknown field; ${hint}`, true);
    }
    return Object.fromEntries(names.map((name) => [name, this.at(name, given[name])])) as Record<
      Name,
      Reader
    >;
  }

  at(step: string | number, value: unknown): Reader {
    return new Reader(this.file, value, [...this.path, step]);
  }

  /** The fields of a map that may be absent, in which case all of them are. */
  optionalFields<Name extends string>(names: readonly Name[]): Record<Name, Reader> | undefined {
    return this.isAbsent ? new Reader(this.file, {}, this.path).fields(names) : this.fields(names);
  }

  items(): Reader[] {
    if (this.isAbsent) return [];
    if (!Array.isArray(this.value)) {
      this.report('a list was expected');
      return [];
    }
    return this.value.map((value, index) => this.at(index, value));
  }

  text(what = 'a text'): string | undefined {
    if (typeof this.value === 'string' && this.value !== '') return this.value;
    return this.report(this.isAbsent ? `${what} is missing` : `${what} was expected`);
  }

  /** A name that may stand in a subject and a path. */
  name(): string | undefined {
    const text = this.text('a name');
    if (text === undefined || /^[a-z0-9][a-z0-9_-]{0,63}$/.test(text)) return text;
    return this.report(
      `"${text}" must be 1 to 64 characters of a-z, 0-9, "-" and "_", beginning with a letter or digit`,
    );
  }

  /** A column's name. */
  column(what = 'a column'): string | undefined {
    const text = this.text(what);
    if (text === undefined) return undefined;
    if (text.startsWith('_p_'))
      return this.report(`"${text}": names that begin with _p_ are the platform's own`);
    return text.length <= 128 ? text : this.report('a column name has at most 128 characters');
  }

  choice<Choice extends string>(choices: readonly Choice[], byDefault?: Choice): Choice | undefined {
    if (this.isAbsent && byDefault !== undefined) return byDefault;
    const found = choices.find((choice) => choice === this.value);
    if (found) return found;
    const meant = typeof this.value === 'string' ? nearest(this.value, choices) : undefined;
    const said = this.isAbsent ? 'a value is missing' : `${JSON.stringify(this.value)} is not known`;
    return this.report(`${said}; ${meant ? `did you mean "${meant}"?` : `write ${choices.join(' or ')}`}`);
  }

  /** True or false; false where it is absent. */
  flag(): boolean {
    if (this.isAbsent || this.value === false) return false;
    if (this.value === true) return true;
    this.report(`${JSON.stringify(this.value)} is neither true nor false`);
    return false;
  }

  number({ min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = {}): number | undefined {
    if (typeof this.value !== 'number' || !Number.isFinite(this.value))
      return this.report('a number was expected');
    if (this.value >= min && this.value <= max) return this.value;
    return this.report(`${this.value} must lie between ${min} and ${max}`);
  }

  /** A whole number, alone or with its unit as in `14 rows`. */
  counted(
    unit: string,
    { min = 0, byDefault }: { min?: number; byDefault?: number } = {},
  ): number | undefined {
    if (this.isAbsent && byDefault !== undefined) return byDefault;
    const match = new RegExp(`^(\\d{1,9})(?:\\s*${unit}s?)?$`).exec(String(this.value ?? ''));
    if (!match) {
      const said = this.isAbsent ? 'a number is missing' : `${JSON.stringify(this.value)} is not understood`;
      return this.report(`${said}; write for example "14 ${unit}s"`);
    }
    const count = Number(match[1]);
    return count >= min ? count : this.report(`it must be at least ${min}`);
  }

  /** A share: `5%`, or 0.05. */
  share({ max = 1, byDefault }: { max?: number; byDefault?: number } = {}): number | undefined {
    if (this.isAbsent && byDefault !== undefined) return byDefault;
    const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(String(this.value ?? ''));
    // Divided, not multiplied by 0.01: 5 % is to be 0.05 to the last bit.
    const share = match ? Number(match[1]) / 100 : this.value;
    if (typeof share !== 'number' || !Number.isFinite(share) || share < 0) {
      return this.report(`${JSON.stringify(this.value ?? null)} is no share; write for example 5% or 0.05`);
    }
    return share <= max ? share : this.report(`it must be at most ${max * 100}%`);
  }

  durationMs({ byDefault }: { byDefault?: number } = {}): number | undefined {
    if (this.isAbsent && byDefault !== undefined) return byDefault;
    const text = this.text('a duration such as 3h');
    if (text === undefined) return undefined;
    return this.file.attempt(this.path, (field) => parseDuration(text, field));
  }

  /** An event time, checked; the text as it was written. */
  eventTime(): string | undefined {
    const text = this.text('a time such as 2001-01-31');
    if (text === undefined) return undefined;
    return this.file.attempt(this.path, (field) => parseEventTime(text, field)) === undefined
      ? undefined
      : text;
  }

  bytes(): number | undefined {
    const match = /^(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB)$/.exec(String(this.value ?? ''));
    const powers: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
    const unit = match?.[2] === undefined ? undefined : powers[match[2]];
    if (match && unit) return Math.round(Number(match[1]) * unit);
    return this.report(`${JSON.stringify(this.value ?? null)} is no size; write for example 256MiB`);
  }
}
