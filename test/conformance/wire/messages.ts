import type { Field, Schema } from './protobuf.js';

/** The protocol's messages by their field numbers: the public specification's, and its common extensions'. */

const one = (number: number, type: Field['type']): Field => ({ number, type });
const many = (number: number, type: Field['type']): Field => ({ number, type, isRepeated: true });
const map = (number: number, type: Field['type']): Field => ({ number, type, isMap: true });

export const parameterSchema: Schema = {
  bool_param: one(1, 'bool'),
  int64_param: one(2, 'int64'),
  string_param: one(3, 'string'),
  double_param: one(4, 'double'),
  uint64_param: one(5, 'uint64'),
};

export const contentsSchema: Schema = {
  bool_contents: many(1, 'bool'),
  int_contents: many(2, 'int32'),
  int64_contents: many(3, 'int64'),
  uint_contents: many(4, 'uint32'),
  uint64_contents: many(5, 'uint64'),
  fp32_contents: many(6, 'float'),
  fp64_contents: many(7, 'double'),
  bytes_contents: many(8, 'bytes'),
};

const tensorSchema: Schema = {
  name: one(1, 'string'),
  datatype: one(2, 'string'),
  shape: many(3, 'int64'),
  parameters: map(4, parameterSchema),
  contents: one(5, contentsSchema),
};

export const inferRequestSchema: Schema = {
  model_name: one(1, 'string'),
  model_version: one(2, 'string'),
  id: one(3, 'string'),
  parameters: map(4, parameterSchema),
  inputs: many(5, tensorSchema),
  outputs: many(6, { name: one(1, 'string'), parameters: map(2, parameterSchema) }),
  raw_input_contents: many(7, 'bytes'),
};

export const inferResponseSchema: Schema = {
  model_name: one(1, 'string'),
  model_version: one(2, 'string'),
  id: one(3, 'string'),
  parameters: map(4, parameterSchema),
  outputs: many(5, tensorSchema),
  raw_output_contents: many(6, 'bytes'),
};

export const streamResponseSchema: Schema = {
  error_message: one(1, 'string'),
  infer_response: one(2, inferResponseSchema),
};

export const emptySchema: Schema = {};
export const liveSchema: Schema = { live: one(1, 'bool') };
export const readySchema: Schema = { ready: one(1, 'bool') };
/** Of ModelReady, ModelMetadata, ModelConfig and ModelStatistics. */
export const modelSchema: Schema = { name: one(1, 'string'), version: one(2, 'string') };

export const serverMetadataSchema: Schema = {
  name: one(1, 'string'),
  version: one(2, 'string'),
  extensions: many(3, 'string'),
};

const metadataSchema: Schema = {
  name: one(1, 'string'),
  datatype: one(2, 'string'),
  shape: many(3, 'int64'),
};
export const modelMetadataSchema: Schema = {
  name: one(1, 'string'),
  versions: many(2, 'string'),
  platform: one(3, 'string'),
  inputs: many(4, metadataSchema),
  outputs: many(5, metadataSchema),
};

export const configSchema: Schema = {
  config: one(1, {
    name: one(1, 'string'),
    platform: one(2, 'string'),
    max_batch_size: one(4, 'int32'),
    input: many(5, { name: one(1, 'string'), data_type: one(2, 'int32'), dims: many(4, 'int64') }),
    output: many(6, { name: one(1, 'string'), data_type: one(2, 'int32'), dims: many(3, 'int64') }),
    backend: one(17, 'string'),
  }),
};

/** The numbers of the configuration's datatypes. */
export const configDatatypes = [
  'TYPE_INVALID',
  'TYPE_BOOL',
  'TYPE_UINT8',
  'TYPE_UINT16',
  'TYPE_UINT32',
  'TYPE_UINT64',
  'TYPE_INT8',
  'TYPE_INT16',
  'TYPE_INT32',
  'TYPE_INT64',
  'TYPE_FP16',
  'TYPE_FP32',
  'TYPE_FP64',
  'TYPE_STRING',
  'TYPE_BF16',
] as const;

const durationSchema: Schema = { count: one(1, 'uint64'), ns: one(2, 'uint64') };
export const statisticsSchema: Schema = {
  model_stats: many(1, {
    name: one(1, 'string'),
    version: one(2, 'string'),
    last_inference: one(3, 'uint64'),
    inference_count: one(4, 'uint64'),
    execution_count: one(5, 'uint64'),
    inference_stats: one(6, { success: one(1, durationSchema), fail: one(2, durationSchema) }),
  }),
};

export const indexRequestSchema: Schema = { repository_name: one(1, 'string'), ready: one(2, 'bool') };
export const indexSchema: Schema = {
  models: many(1, {
    name: one(1, 'string'),
    version: one(2, 'string'),
    state: one(3, 'string'),
    reason: one(4, 'string'),
  }),
};

/** Of RepositoryModelLoad and RepositoryModelUnload. */
export const repositorySchema: Schema = {
  repository_name: one(1, 'string'),
  model_name: one(2, 'string'),
  parameters: map(3, {
    bool_param: one(1, 'bool'),
    int64_param: one(2, 'int64'),
    string_param: one(3, 'string'),
    bytes_param: one(4, 'bytes'),
  }),
};
