/** Tests run the sources; threads and processes need JavaScript, which the build put beside them. */
export function besideThis(file: string): URL {
  return new URL(import.meta.url.endsWith('.ts') ? `../dist/${file}` : `./${file}`, import.meta.url);
}
