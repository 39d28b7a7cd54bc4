import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { invalid } from '@perennial/kernel';

/**
 * Lets a person edit a text in the editor that $VISUAL or $EDITOR names, else vi. The file stays until `remove` is called,
 * so that nothing written is lost.
 *
 * @throws PlatformError EDITOR_FAILED
 */
export async function editText(
  text: string,
  name: string,
): Promise<{ text: string; path: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'perennial-'));
  const path = join(folder, name);
  await writeFile(path, text);
  const editor = process.env['VISUAL'] || process.env['EDITOR'] || 'vi';
  // As git does it: the variable may carry options, so that a shell reads it; the path is an argument of its own.
  const child = spawn('sh', ['-c', `${editor} "$@"`, editor, path], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw invalid('EDITOR_FAILED', `the editor "${editor}" did not end well; set EDITOR, and try again`, {
      field: 'editor',
    });
  return {
    text: await readFile(path, 'utf8'),
    path,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
