import type { Log } from '@perennial/bus';
import type { PublishRowsResponse } from '@perennial/contracts';
import { asPlatformError, type Clock, type PlatformError } from '@perennial/kernel';
import { sourceFromJson } from '@perennial/spec';
import type { Kind } from '../store.js';
import { verdictOn } from './decide.js';
import { type FileForm, fileForm } from './file-form.js';
import type { Place, PlaceFile } from './places.js';
import type { WatchedFile, WatchStore } from './store.js';

/** Rows of a file on their way in. */
export interface FilePublication extends FileForm {
  readonly source: string;
  readonly kind: Kind;
  readonly producer: string;
  readonly content: AsyncIterable<Uint8Array>;
}

export interface WatchMeans {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: WatchStore;
  readonly publish: (file: FilePublication, signal: AbortSignal) => Promise<PublishRowsResponse>;
  readonly folder: (path: string) => Place;
  readonly s3: (prefix: string) => Place;
  /** Ms between two looks. */
  readonly everyMs: number;
  /** Ms that a file of a folder must have been left alone. */
  readonly settledMs: number;
}

interface Watched {
  readonly source: string;
  readonly kind: Kind;
  readonly producer: string;
  readonly place: Place;
}

/** Looks through the places that the documents of sources name, and publishes each file once. */
export class Watch {
  readonly #means: WatchMeans;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();
  /** How files looked at the last time, by place and name. */
  #marks = new Map<string, string>();

  constructor(means: WatchMeans) {
    this.#means = means;
  }

  start(): void {
    const next = () => {
      if (this.#stopping.signal.aborted) return;
      this.#timer = setTimeout(() => void this.look().finally(next), this.#means.everyMs);
    };
    next();
  }

  /** One look through all places; one after the other. */
  look(): Promise<void> {
    this.#running = this.#running.then(() =>
      this.#look().catch((error) =>
        this.#means.log.warn('watched places could not be looked through', { error }),
      ),
    );
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #look(): Promise<void> {
    const marks = new Map<string, string>();
    for (const watched of await this.#watched()) {
      try {
        await this.#through(watched, marks);
      } catch (thrown) {
        await this.#cannot(watched, thrown);
      }
    }
    this.#marks = marks;
  }

  async #watched(): Promise<Watched[]> {
    const { store, folder, s3 } = this.#means;
    return (await store.documents())
      .map(sourceFromJson)
      .flatMap(({ name: source, folders, s3: prefixes }) => [
        ...folders.map(({ path, ...rest }) => ({ source, ...rest, place: folder(path) })),
        ...prefixes.map(({ prefix, ...rest }) => ({ source, ...rest, place: s3(prefix) })),
      ]);
  }

  async #through(watched: Watched, marks: Map<string, string>): Promise<void> {
    const { store, clock, settledMs } = this.#means;
    const { source, kind, place } = watched;
    const files = (await place.files()).filter(({ name }) => fileForm(name) !== undefined);
    const names = [place.name, ...files.map(({ name }) => name)];
    const known = await store.known(source, kind, names);
    // Of a place there is an entry while it cannot be looked through.
    if (files.every(({ name }) => name !== place.name) && known.has(place.name))
      await store.forget({ source, kind, name: place.name });
    for (const file of files) {
      if (this.#stopping.signal.aborted) return;
      const id = JSON.stringify([source, kind, file.name]);
      marks.set(id, file.mark);
      const verdict = verdictOn(file, known.get(file.name), {
        now: clock.now(),
        settledMs: place.isAtomic ? 0 : settledMs,
        markBefore: this.#marks.get(id),
      });
      if (verdict === 'take') await this.#take(watched, file);
      if (verdict === 'changed') await this.#changed(watched, file);
    }
  }

  /** Killed in between, the file is taken again: what its content brought already changes nothing. */
  async #take({ source, kind, producer }: Watched, { name, mark, content }: PlaceFile): Promise<void> {
    const { store, log, publish } = this.#means;
    const form = fileForm(name);
    if (!form) return;
    const told = { source, kind, name, mark };
    await this.#save({ ...told, ...nothing, status: 'taking', message: '' });
    try {
      const publication = { source, kind, producer, ...form, content: content() };
      const answer = await publish(publication, this.#stopping.signal);
      const { taken, duplicates, refused, firstRefusal: message } = answer;
      await this.#save({ ...told, status: 'taken', taken, duplicates, refused, message });
      log.info('a file was taken', { ...told, taken, duplicates, refused });
    } catch (thrown) {
      // Its rows may be there or not: it is asked again after the start.
      if (this.#stopping.signal.aborted) return;
      const error = asPlatformError(thrown);
      log.warn('a file was not taken', { ...told, error });
      // What may work later is tried at the next look; what the file itself is to blame for, when it has changed.
      if (error.fault !== 'caller' || error.retry !== 'never') return store.forget(told);
      await this.#save({ ...told, ...nothing, status: 'refused', message: textOf(error) });
    }
  }

  async #changed({ source, kind }: Watched, { name, mark }: PlaceFile): Promise<void> {
    const { store, clock, log } = this.#means;
    const message =
      'it changed after it was taken, and a file is taken once: send further rows in another file';
    await store.changed({ source, kind, name, mark }, { message, now: new Date(clock.now()) });
    log.warn(message, { source, kind, name });
  }

  /** A place that cannot be looked through is told once, where files are told, until it can. */
  async #cannot({ source, kind, place: { name } }: Watched, thrown: unknown): Promise<void> {
    const { store, log } = this.#means;
    const error = asPlatformError(thrown);
    const known = await store.known(source, kind, [name]);
    if (known.get(name)?.mark === error.code) return;
    log.warn('a place cannot be looked through', { source, kind, place: name, error });
    await this.#save({
      source,
      kind,
      name,
      mark: error.code,
      ...nothing,
      status: 'refused',
      message: textOf(error),
    });
  }

  #save(file: Omit<WatchedFile, 'lookedAt'>): Promise<void> {
    return this.#means.store.save(file, new Date(this.#means.clock.now()));
  }
}

const nothing = { taken: 0, duplicates: 0, refused: 0 };

function textOf({ message, code }: PlatformError): string {
  return `${message} (${code})`;
}
