/** The NOTIFY channel of a service's outbox and requeued dead letters, followed by the name of its schema. */
export const outboxChannel = 'outbox_';
