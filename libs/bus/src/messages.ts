/** A message of a stream as it came, and the event that it may be. */
export interface RawMessage {
  readonly subject: string;
  /** The body. Where it travels as an artifact, event handlers get what `ce-dataref` names, batch handlers nothing. */
  readonly data: Uint8Array;
  /** The value of a header, percent-decoded for `ce-` headers; the name without regard to case. */
  header(name: string): string | undefined;
  /** Nats-Msg-Id, if the publisher gave one. */
  readonly messageId: string | undefined;
  readonly stream: string;
  readonly sequence: number;
  /** When the bus stored it. */
  readonly time: Date;
  /** 1 for the first try. */
  readonly attempt: number;
}

export interface ReceivedEvent<Body> {
  readonly id: string;
  /** `io.perennial.<aggregate>.<past-verb>.v<major>` */
  readonly type: string;
  readonly subject: string;
  readonly tenant: string;
  readonly aggregateId: string;
  /** Counts the events of this aggregate from 1, without gaps. */
  readonly aggregateVersion: number;
  /** Process time of the producer. */
  readonly time: Date;
  readonly correlationId: string;
  /** The event that led to this one; empty for the first of its chain. */
  readonly causationId: string;
  /** The service that told it. */
  readonly source: string;
  readonly traceparent: string | undefined;
  readonly body: Body;
  readonly stream: string;
  readonly sequence: number;
}
