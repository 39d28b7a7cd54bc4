/**
 * Works on up to `aheadMax` requests of a stream at a time and gives the answers in the order of the requests. No more
 * is read while as many wait to be taken: a client that reads slowly is sent no more than it takes. What `work` throws
 * ends the stream when its turn has come.
 */
export async function* inOrder<A, B>(
  requests: AsyncIterable<A>,
  aheadMax: number,
  work: (request: A) => Promise<B>,
): AsyncGenerator<B> {
  const waiting: Promise<B>[] = [];
  const came = signal();
  const taken = signal();
  let isOver = false;
  const read = async () => {
    const iterator = requests[Symbol.asyncIterator]();
    while (!isOver) {
      if (waiting.length >= aheadMax) {
        await taken.next();
        continue;
      }
      const next = await iterator.next();
      if (next.done) break;
      const answer = work(next.value);
      // It is thrown when its turn comes; until then it is not unhandled.
      answer.catch(() => {});
      waiting.push(answer);
      came.tell();
    }
  };
  let failure: { error: unknown } | undefined;
  const reading = read()
    .catch((error: unknown) => {
      failure = { error };
    })
    .finally(() => {
      isOver = true;
      came.tell();
    });
  try {
    while (true) {
      const [first] = waiting;
      if (first !== undefined) {
        const answer = await first;
        waiting.shift();
        taken.tell();
        yield answer;
      } else if (isOver) break;
      else await came.next();
    }
    await reading;
    if (failure) throw failure.error;
  } finally {
    isOver = true;
    taken.tell();
  }
}

/** Lets one side wait until the other says that something changed. */
function signal(): { next(): Promise<void>; tell(): void } {
  let tell = () => {};
  return {
    next: () =>
      new Promise((resolve) => {
        tell = resolve;
      }),
    tell: () => tell(),
  };
}
