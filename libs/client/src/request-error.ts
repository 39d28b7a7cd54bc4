/** What the gateway's problem document (RFC 9457) says, or that it could not be reached. */
export class RequestError extends Error {
  constructor(
    /** HTTP status; 0 where no answer came. */
    readonly status: number,
    /** UPPER_SNAKE code of docs/ERRORS.md; CONNECTION, TIMEOUT or ABORTED where no answer came. */
    readonly code: string,
    message: string,
    /** The field that was wrong, where one was. */
    readonly field?: string,
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

/** Reads a failed answer; bodies that are no problem document are quoted, shortened. */
export async function requestErrorOf(response: Response): Promise<RequestError> {
  const text = await response.text();
  try {
    const problem = JSON.parse(text) as {
      detail?: string;
      title?: string;
      code?: string;
      field?: string;
      error?: string;
    };
    const message = problem.detail ?? problem.error ?? problem.title ?? text;
    return new RequestError(
      response.status,
      problem.code ?? `HTTP_${response.status}`,
      message,
      problem.field,
    );
  } catch {
    return new RequestError(
      response.status,
      `HTTP_${response.status}`,
      text.slice(0, 300) || response.statusText,
    );
  }
}
