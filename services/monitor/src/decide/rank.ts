/**
 * Where a verified segment stands among those of its source, as featurize has it too: by the event that recorded its
 * rows, so that repaired ones keep the place of their arrival and correct nothing that came after them. Ids of events
 * sort by time. Parts of one recorded segment stand in the order in which they were let through; events of before
 * `recorded_event_id` stand by their own id.
 */
export function rankOf({ recordedEventId, eventId }: { recordedEventId: string; eventId: string }): string {
  return `${recordedEventId || eventId}/${eventId}`;
}
