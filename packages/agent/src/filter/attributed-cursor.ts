import { attributeOf, type Containers } from "@tcptracker/containers";
import { RecordCursor, type RecordCursorOptions } from "@tcptracker/events";

/** A cursor that knows whose the records are, for filters that ask. */
export class AttributedCursor extends RecordCursor {
  readonly #containers: Pick<Containers, "of">;

  constructor(containers: Pick<Containers, "of">, options: RecordCursorOptions) {
    super(options);
    this.#containers = containers;
  }

  /** See FilterInput of @tcptracker/filter. */
  attribute(name: string, key: string | undefined): string {
    return attributeOf(this.#containers.of(this.cgroup, this.pid), name, key) ?? "";
  }
}
