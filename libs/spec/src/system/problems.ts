import { invalid, PlatformError } from '@perennial/kernel';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';

export type Path = readonly (string | number)[];

/** Problems shown at once; a file of another kind altogether would give hundreds. */
const shownMax = 20;
/** A system.yaml is a page; this is a book. */
const charactersMax = 200_000;

/** A YAML file's values, and everything found wrong with them, each with its path and line. */
export class SpecFile {
  readonly value: unknown;
  readonly #problems: { line: number; path: string; text: string }[] = [];
  readonly #lines = new LineCounter();
  readonly #document;

  constructor(yaml: string) {
    if (yaml.length > charactersMax) {
      throw invalid('SPEC_INVALID', `the file is longer than ${charactersMax} characters`);
    }
    this.#document = parseDocument(yaml, {
      lineCounter: this.#lines,
      prettyErrors: false,
      // Warnings would go to the process's own stderr; what matters of them is an unknown field to us.
      logLevel: 'error',
    });
    // One slip makes the rest of a file look wrong; what follows the first error is seldom one.
    for (const { message, pos } of this.#document.errors.slice(0, 1)) {
      this.#problems.push({ line: this.#lines.linePos(pos[0]).line, path: '', text: message });
    }
    this.refuse();
    this.value = this.#asValue();
  }

  /** Notes a problem at `path`; of a field's name rather than its value where `isName`. */
  report(path: Path, text: string, isName = false): void {
    this.#problems.push({ line: this.#lineOf(path, isName), path: shown(path), text });
  }

  /** Runs a reader of the kernel or the expressions; what it throws becomes a problem at `path`. */
  attempt<T>(path: Path, read: (field: string) => T): T | undefined {
    try {
      return read(shown(path));
    } catch (thrown) {
      if (!(thrown instanceof PlatformError)) throw thrown;
      this.report(path, thrown.message.replace(`${shown(path)}: `, ''));
      return undefined;
    }
  }

  /** @throws PlatformError SPEC_INVALID with all problems, where there are any */
  refuse(): void {
    const found = this.#problems.toSorted((a, b) => a.line - b.line);
    const [first] = found;
    if (!first) return;
    const lines = found
      .slice(0, shownMax)
      .map(({ line, path, text }) => `line ${line}${path ? `, ${path}` : ''}: ${text}`);
    if (found.length > shownMax) lines.push(`and ${found.length - shownMax} more`);
    throw invalid('SPEC_INVALID', lines.join('\n'), first.path ? { field: first.path } : {});
  }

  #asValue(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 });
    } catch (thrown) {
      throw invalid(
        'SPEC_INVALID',
        `the file cannot be read: ${thrown instanceof Error ? thrown.message : thrown}`,
      );
    }
  }

  /** The line of the nearest thing along the path that stands in the file. */
  #lineOf(path: Path, isName: boolean): number {
    for (let length = path.length; length > 0; length--) {
      const [parent, last] = [path.slice(0, length - 1), path[length - 1]];
      const node = parent.length ? this.#document.getIn(parent, true) : this.#document.contents;
      const pair = isMap(node)
        ? node.items.find(({ key }) => (isScalar(key) ? key.value : key) === last)
        : undefined;
      const at =
        isName || length < path.length ? pair?.key : this.#document.getIn(path.slice(0, length), true);
      const range = (at as { range?: [number, number, number] | null } | null | undefined)?.range;
      if (range) return this.#lines.linePos(range[0]).line;
    }
    return 1;
  }
}

/** `features[2].window` */
export function shown(path: Path): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${step}` : step),
    '',
  );
}
