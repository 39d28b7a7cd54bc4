import { invalid } from './errors.js';

/** A pattern of paths, read. */
export interface Glob {
  /** The folder to look through: everything before the first part with a wildcard; '' for the current folder. */
  readonly base: string;
  /** How deep below `base` files may lie, in folders; Infinity with a double star. */
  readonly depthMax: number;
  /** Whether a path below `base`, with `/` between its parts, is meant. */
  readonly matches: (relative: string) => boolean;
}

/** True where a text is a pattern, and not the path of one file or folder. */
export function isGlob(text: string): boolean {
  return /[*?[{]/.test(text);
}

/**
 * Reads a pattern: `*` and `?` within one part of a path, a part `**` for any number of folders, `[a-z]`, `[!a-z]`, and
 * `{a,b}` for either of two texts. Names that begin with a dot are meant only where the pattern's part does so, too.
 *
 * @throws PlatformError GLOB_INVALID for a range whose ends are the wrong way round
 */
export function parseGlob(pattern: string): Glob {
  const parts = pattern.split('/');
  const first = parts.findIndex((part) => isGlob(part));
  const fixed = first === -1 ? parts.length - 1 : first;
  const base = parts.slice(0, fixed).join('/') || (pattern.startsWith('/') ? '/' : '');
  const rest = parts.slice(fixed);
  const depthMax = rest.includes('**') ? Number.POSITIVE_INFINITY : rest.length - 1;
  const source = rest
    .map((part, at) => {
      if (part === '**') return at === rest.length - 1 ? `${notHidden}.*` : `(?:${notHidden}[^/]+/)*`;
      return regexOfPart(part) + (at === rest.length - 1 ? '' : '/');
    })
    .join('');
  const regex = compiled(source, pattern);
  return { base, depthMax, matches: (relative) => regex.test(relative) };
}

function compiled(source: string, pattern: string): RegExp {
  try {
    return new RegExp(`^${source}$`, 'u');
  } catch (cause) {
    throw invalid('GLOB_INVALID', `${pattern}: a range such as [a-z] must have its smaller end first`, {
      cause,
    });
  }
}

const notHidden = '(?!\\.)';

function regexOfPart(part: string): string {
  let out = /^[*?[]/.test(part) ? notHidden : '';
  let depth = 0;
  for (let at = 0; at < part.length; at++) {
    const sign = part[at] as string;
    const set = sign === '[' ? /^\[([!^]?)([^\]]+)\]/.exec(part.slice(at)) : null;
    if (sign === '*') out += '[^/]*';
    else if (sign === '?') out += '[^/]';
    else if (set) {
      out += `[${set[1] ? '^/' : ''}${(set[2] as string).replace(/[\\[\]^]/g, '\\$&')}]`;
      at += set[0].length - 1;
    } else if (sign === '{' && part.includes('}', at)) {
      out += '(?:';
      depth++;
    } else if (sign === '}' && depth > 0) {
      out += ')';
      depth--;
    } else if (sign === ',' && depth > 0) out += '|';
    else out += sign.replace(/[\\^$.*+?()[\]{}|/-]/g, (found) => (found === '-' ? '-' : `\\${found}`));
  }
  return out + ')'.repeat(depth);
}
