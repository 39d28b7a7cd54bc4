/**
 * A program of this library, as `./name.js` beside the module whose URL is given. Tests run the sources; threads and
 * processes need JavaScript, which the build put into dist.
 */
export function besideModule(url: string, file: string): URL {
  return new URL(file, url.endsWith('.ts') ? url.replace(/\/src\/(?!.*\/src\/)/, '/dist/') : url);
}
