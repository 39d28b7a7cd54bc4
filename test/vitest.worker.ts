/**
 * Runs in every worker. A runner that was killed cannot end its workers: a story would play on for minutes, with its
 * platform and nobody to read the outcome. What a worker started ends with it.
 */
process.once('disconnect', () => process.exit(1));
