import { execFile } from 'node:child_process';
import { type Platform, rootDir } from '@perennial/local';
import { expect } from 'vitest';

export interface Outcome {
  readonly code: number;
  /** What was written to either stream. */
  readonly output: string;
}

/** A line as a person would type it in the checkout's folder, for a platform that runs. */
export function tried({ urls, token }: Platform, line: string): Promise<Outcome> {
  return ran({ file: '/bin/sh', args: ['-c', line], cwd: rootDir, env: environment(urls.http, token) });
}

/** The same, which must succeed; what it wrote. */
export async function typed(platform: Platform, line: string): Promise<string> {
  const { code, output } = await tried(platform, line);
  expect(`${code}: ${output}`, line).toMatch(/^0: /);
  return output;
}

/** A command of the platform with its words as they are, from the folder `cwd`; it must succeed. */
export async function said(platform: Platform, cwd: string, words: readonly string[]): Promise<string> {
  const env = environment(platform.urls.http, platform.token);
  const { code, output } = await ran({ file: `${rootDir}/perennial`, args: words, cwd, env });
  expect(`${code}: ${output}`, words.join(' ')).toMatch(/^0: /);
  return output;
}

function environment(url: string, token: string): NodeJS.ProcessEnv {
  return { ...process.env, PERENNIAL_URL: url, PERENNIAL_TOKEN: token };
}

interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

function ran({ file, args, cwd, env }: Program): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(file, [...args], { cwd, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}` }),
    );
  });
}
