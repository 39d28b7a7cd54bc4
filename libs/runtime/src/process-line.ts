import { fork } from 'node:child_process';
import type { ExecutorAnswer } from './executor-messages.js';
import type { HostOptions } from './model-host.js';
import type { Line } from './remote-executor.js';
import { besideModule } from './worker-url.js';

/**
 * A process that runs models: what ends the engine ends nothing else, and a run that does not come back can be stopped.
 * Each batch costs some tens of microseconds more than with a thread.
 */
export function processLine(host: HostOptions): Line {
  const child = fork(besideModule(import.meta.url, './executor-process.js'), [JSON.stringify(host)], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let reason = 'it ended';
  child.on('error', (error) => {
    reason = error.message;
  });
  return {
    post: (request) => {
      // What cannot be sent is answered by the exit that follows.
      if (child.connected) child.send(request, () => undefined);
    },
    onAnswer: (listener) => child.on('message', (answer) => listener(answer as ExecutorAnswer)),
    onExit: (listener) => {
      child.on('exit', (code, signal) => listener(`${reason} (${signal ?? `exit code ${code}`})`));
      // One that could not be started never exits.
      child.on('error', () => {
        if (child.pid === undefined) listener(reason);
      });
    },
    abandon: () => child.kill('SIGKILL'),
  };
}
