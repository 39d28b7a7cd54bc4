import { spawnSync } from 'node:child_process';

/** Python servers that people serve models with, and whether they can be had here. */
export const pythonServerNames = ['fastapi', 'mlserver', 'bentoml', 'mlflow'] as const;

export interface PythonFinding {
  readonly name: string;
  /** Why it was not measured. */
  readonly reason: string;
}

/** Which of them are missing, and why; what is there is measured by hand (see docs/performance.md). */
export function pythonServers(): PythonFinding[] {
  return pythonServerNames.flatMap((name) => {
    const found = spawnSync('python3', ['-c', `import ${name}`], { timeout: 20_000 });
    if (found.error) return [{ name, reason: 'python3 is not installed here' }];
    return found.status === 0 ? [] : [{ name, reason: 'the package is not installed here' }];
  });
}
