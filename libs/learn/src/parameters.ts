import { invalid } from '@perennial/kernel';

/** What a parameter may be. `integer` counts something; bounds are inclusive unless `above`. */
export interface ParameterRule {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly integer: boolean;
}

/**
 * Reads parameters as a system.yaml gives them (`min-leaf-rows` and `minLeafRows` are the same), fills in defaults.
 *
 * @throws PlatformError PARAMETER_UNKNOWN, PARAMETER_INVALID, naming the parameter and what is allowed
 */
export function readParameters<Name extends string>(
  trainer: string,
  rules: Readonly<Record<Name, ParameterRule>>,
  given: Readonly<Record<string, number>>,
): Record<Name, number> {
  const names = Object.keys(rules) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, rules[name].default])) as Record<Name, number>;
  for (const [key, value] of Object.entries(given)) {
    const name = key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()) as Name;
    const field = `train.parameters.${key}`;
    const rule = names.includes(name) ? rules[name] : undefined;
    if (!rule) {
      throw invalid('PARAMETER_UNKNOWN', `${field}: ${trainer} knows ${names.join(', ')}`, { field });
    }
    if (!(value >= rule.min && value <= rule.max) || (rule.integer && !Number.isInteger(value))) {
      const what = rule.integer ? 'a whole number' : 'a number';
      throw invalid(
        'PARAMETER_INVALID',
        `${field}: ${value} must be ${what} from ${rule.min} to ${rule.max}`,
        {
          field,
        },
      );
    }
    values[name] = value;
  }
  return values;
}
