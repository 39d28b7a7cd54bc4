import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';

/** A JSON Schema (2020-12), as OpenAPI 3.1 has them. */
export type Schema = { readonly [keyword: string]: unknown };

const unsigned = { type: 'integer', minimum: 0 };
/** ProtoJSON writes 64 bits as text, since numbers of JSON are doubles to most readers. */
const long = { type: 'string', pattern: '^-?[0-9]+$' };

const scalars: Readonly<Partial<Record<ScalarType, Schema>>> = {
  [ScalarType.DOUBLE]: { type: 'number' },
  [ScalarType.FLOAT]: { type: 'number' },
  [ScalarType.INT32]: { type: 'integer' },
  [ScalarType.SINT32]: { type: 'integer' },
  [ScalarType.SFIXED32]: { type: 'integer' },
  [ScalarType.UINT32]: unsigned,
  [ScalarType.FIXED32]: unsigned,
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
};

const wellKnown: Readonly<Record<string, Schema>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Struct': { type: 'object' },
  'google.protobuf.Value': {},
};

/** Gathers the schemas of messages, each once, under `#/components/schemas/`. */
export class Schemas {
  readonly all: Record<string, Schema> = {};

  /** A reference to a message in ProtoJSON with the names of the .proto files; everything it holds is gathered too. */
  of(message: DescMessage): Schema {
    const known = wellKnown[message.typeName];
    if (known) return known;
    const { name } = message;
    if (!this.all[name]) {
      // Before its fields: a message may hold itself.
      this.all[name] = {};
      this.all[name] = { type: 'object', properties: this.properties(message) };
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** What a message holds, by name; without those that the path or the token says. */
  properties(message: DescMessage, fixed: readonly string[] = []): Record<string, Schema> {
    return Object.fromEntries(
      message.fields
        .filter(({ name }) => !fixed.includes(name))
        .map((field) => [field.name, this.#field(field)]),
    );
  }

  add(name: string, schema: Schema): Schema {
    this.all[name] = schema;
    return { $ref: `#/components/schemas/${name}` };
  }

  #field(field: DescField): Schema {
    if (field.fieldKind === 'list') {
      if (field.listKind === 'message') return { type: 'array', items: this.of(field.message) };
      if (field.listKind === 'enum') return { type: 'array', items: enumOf(field.enum) };
      return { type: 'array', items: scalarOf(field.scalar) };
    }
    if (field.fieldKind === 'map') {
      if (field.mapKind === 'message')
        return { type: 'object', additionalProperties: this.of(field.message) };
      if (field.mapKind === 'enum') return { type: 'object', additionalProperties: enumOf(field.enum) };
      return { type: 'object', additionalProperties: scalarOf(field.scalar) };
    }
    if (field.fieldKind === 'message') return this.of(field.message);
    return field.fieldKind === 'enum' ? enumOf(field.enum) : scalarOf(field.scalar);
  }
}

function scalarOf(scalar: ScalarType): Schema {
  return scalars[scalar] ?? long;
}

function enumOf({ values }: { readonly values: readonly { readonly name: string }[] }): Schema {
  return { type: 'string', enum: values.map(({ name }) => name) };
}
