import { invalid, PlatformError } from '@perennial/kernel';

/** What a load or unload may say beside the model's name. */
export type RepositoryParameters = Readonly<Record<string, unknown>>;

/**
 * The model that a repository message names. KServe's copy of the protocol has the model's name where this one has the
 * repository's: such a message reads as a repository without a model.
 *
 * @throws PlatformError REPOSITORY_UNSUPPORTED
 */
export function modelNamed(message: { repositoryName: string; modelName: string }): string {
  if (message.modelName === '') return message.repositoryName;
  checkRepository(message.repositoryName);
  return message.modelName;
}

/** @throws PlatformError REPOSITORY_UNSUPPORTED: there is one repository, and it has no name */
export function checkRepository(name: string): void {
  if (name === '') return;
  throw invalid('REPOSITORY_UNSUPPORTED', "'repository_name' specification is not supported", {
    field: 'repository_name',
  });
}

/** @throws PlatformError UNIMPLEMENTED for a model in the request itself, PARAMETER_INVALID for what nobody knows */
export function checkLoadParameters(parameters: RepositoryParameters): void {
  for (const name of Object.keys(parameters)) {
    if (name === 'unload_dependents') {
      if (typeof parameters[name] === 'boolean') continue;
      throw invalid('PARAMETER_INVALID', `parameter '${name}' must be true or false`, { field: name });
    }
    if (name === 'config' || name.startsWith('file:')) {
      throw new PlatformError(
        'UNIMPLEMENTED',
        'caller',
        'never',
        `load parameter '${name}' is not offered: bring the file as a version with POST /v1/models/<name>/versions, ` +
          'and how it is served with PUT /v1/models/<name>/serve',
        { field: name },
      );
    }
    throw invalid('PARAMETER_INVALID', `parameter '${name}' is not known here; leave it out`, {
      field: name,
    });
  }
}
