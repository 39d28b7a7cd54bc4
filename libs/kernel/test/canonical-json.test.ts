import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, digestOf, isDigest } from '../src/mod.js';

test('the example of RFC 8785, section 3.2.2, comes out as the RFC says', () => {
  const value = {
    // 333333333.33333329 in the RFC, which is this very double.
    numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
    literals: [null, true, false],
  };
  expect(canonicalJson(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test('keys sort by UTF-16 code units, as RFC 8785, section 3.2.3, says', () => {
  const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 };
  const parsed = Object.values(JSON.parse(canonicalJson(value)) as Record<string, number>);
  // JSON.parse moves integer-like keys to the front; the rest keeps the order of the text.
  expect(parsed).toEqual([4, 2, 6, 7, 1, 5, 3]);
});

test('the order in which members were set makes no difference, and nothing is lost', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(JSON.parse(text))).toBe(text);
    }),
  );
  expect(canonicalJson({ a: 1, b: undefined })).toBe(canonicalJson({ b: undefined, a: 1 }));
});

test('what has no canonical form is refused, never guessed', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, Symbol('s')]) {
    expect(() => canonicalJson({ value })).toThrow(TypeError);
  }
});

test('a digest names bytes by their SHA-256 (FIPS 180-4, "abc")', () => {
  const abc = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(digestOf('abc')).toBe(abc);
  expect(digestOf(new Uint8Array([0x61, 0x62, 0x63]))).toBe(abc);
  expect([isDigest(abc), isDigest(abc.toUpperCase()), isDigest(`${abc}/..`)]).toEqual([true, false, false]);
});
