/** Lines of a file and of a function over which it is worth asking whether a room waits to be cut out. */
const fileLinesMax = 300;
const functionLinesMax = 70;

const isTest = (file) => /(^|\/)test\/|\.test\.ts$/.test(file);
const isSource = (file) => /\/src\//.test(file);

/** Each: which files, what must not stand there, why. */
const rules = [
  {
    in: (file) => /^services\/[^/]+\/src\/decide\//.test(file),
    not: /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandomBytes\(|\brandomUUID\(|\bperformance\.now\(|\bawait\b|\basync\b/,
    why: 'decide/ is pure: no clock, no random, no waiting',
  },
  {
    in: (file) => isSource(file) && !file.startsWith('libs/contracts/') && !file.startsWith('examples/'),
    not: /['"`](?:evt|rows|labels|obs|cmd|aud)\.(?:\*|>|\$\{|[a-z])/,
    why: 'subjects are built in libs/contracts/src/subjects.ts alone',
  },
  {
    in: (file) => /^(?:libs|services)\/[^/]+\/src\//.test(file),
    not: /\bDate\.now\(/,
    except: (file) => file.startsWith('libs/kernel/') || file.startsWith('libs/client/'),
    why: "process time comes from the kernel's clock",
  },
  {
    in: (file) => /^(?:libs|services)\/[^/]+\/src\//.test(file) && !/^libs\/cli\//.test(file),
    not: /\bconsole\.(?:log|error|warn|info)\(/,
    why: 'services log JSON lines; libraries are silent',
  },
  { in: () => true, not: /\b(?:describe|it|test)\.only\(/, why: 'a test stands alone by accident' },
  { in: () => true, not: /\bTODO\b|\bFIXME\b|@ts-ignore|@ts-nocheck/, why: 'left open', except: isTidy },
  {
    in: (file) => isTest(file) && !file.includes('/fixtures/'),
    not: /setTimeout\(\s*(?:resolve|done)\b|\bsleep\(|timers\/promises/,
    why: 'a sleep: wait for a state, with a bound',
  },
  {
    in: () => true,
    // Spelled in pieces, so that this file does not match itself.
    not: new RegExp(
      `(?<![\\w.$}])/(?:${['wor' + 'k', 'hom' + 'e', 'roo' + 't', 'Use' + 'rs'].join('|')})/[a-z]`,
      'i',
    ),
    why: 'a path of one machine',
  },
];

function isTidy(file) {
  return file.startsWith('scripts/tidy/');
}

export function textRules(sources) {
  return sources.flatMap(({ file, text }) => {
    const applying = rules.filter((rule) => rule.in(file) && !rule.except?.(file));
    return text.split('\n').flatMap((line, at) => {
      const code = line.replace(/^\s*(?:\*|\/\/|\/\*).*$/, '');
      return applying
        .filter(({ not }) => not.test(code))
        .map(({ why }) => `${file}:${at + 1}: ${why}: ${line.trim().slice(0, 100)}`);
    });
  });
}

/** Warnings to be looked at: long files and functions. */
export function sizes(sources) {
  return sources.flatMap(({ file, text }) => {
    if (isTest(file)) return [];
    const lines = text.split('\n');
    const long = lines.length > fileLinesMax ? [`${file}: ${lines.length} lines`] : [];
    return [...long, ...longFunctions(file, lines)];
  });
}

/** By the formatter's indentation: a function ends where a closing brace stands as deep as its first line. */
function longFunctions(file, lines) {
  const begins =
    /^(\s*)(?:export )?(?:default )?(?:async )?(?:function\b|(?:static |async |\*|#|get |set )*#?\w+\([^)]*\)[^;=]*\{$|const \w+ = (?:async )?\([^)]*\)(?:: [^=]+)? => \{$)/;
  return lines.flatMap((line, start) => {
    const match = begins.exec(line);
    if (!match || /^\s*(?:if|for|while|switch|return)\b/.test(line)) return [];
    const end = lines.findIndex((other, at) => at > start && other.startsWith(`${match[1]}}`));
    const length = end - start + 1;
    return length > functionLinesMax ? [`${file}:${start + 1}: a function of ${length} lines`] : [];
  });
}
