/** placeholder */
export async function checkedModel(_bytes: Uint8Array): Promise<void> {}
