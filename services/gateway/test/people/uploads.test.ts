import { expect, test } from 'vitest';
import { requestLimits } from '../../src/requests/limits.js';
import { Uploads } from '../../src/requests/uploads.js';

test('files on their way in are bounded for each caller and together, and give their places back', async () => {
  const uploads = new Uploads();
  const open: (() => void)[] = [];
  const begin = (caller: string) =>
    uploads.through(caller, () => new Promise<void>((resolve) => open.push(resolve)));
  const { uploadsOfCallerMax, uploadsMax } = requestLimits;
  const running = Array.from({ length: uploadsMax }, (_, at) =>
    begin(`c${Math.floor(at / uploadsOfCallerMax)}`),
  );
  await expect(begin('c0')).rejects.toMatchObject({ code: 'UPLOADS_EXHAUSTED', retry: 'after' });
  await expect(begin('somebody else')).rejects.toMatchObject({ code: 'UPLOADS_EXHAUSTED' });
  for (const end of open.splice(0)) end();
  await Promise.all(running);
  const failed = uploads.through('c0', () => Promise.reject(new Error('broken')));
  await expect(failed).rejects.toThrow('broken');
  const again = Array.from({ length: uploadsOfCallerMax }, () => begin('c0'));
  for (const end of open.splice(0)) end();
  await Promise.all(again);
});
