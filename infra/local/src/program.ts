/** A program that runs until it is stopped, as data: what to run, how to see that it serves, how to end it. */
export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Words put before the command, for example `unshare --user …`; they must end in an exec, so that the pid stays. */
  readonly wrap?: readonly string[];
  /** The user to run as; only root may choose. */
  readonly identity?: { readonly uid: number; readonly gid: number };
  readonly stopSignal: NodeJS.Signals;
  /** How long it may take to end after the stop signal before it is killed. */
  readonly stopWithinMs: number;
  /** Clears what a killed predecessor left behind; called before every start. */
  prepare?(): Promise<void>;
  /** Whether the process that was started, and no other, serves now. Never throws. */
  isReady(pid: number): Promise<boolean>;
}
