import type { PodIdentity } from "@tcptracker/events";
import type { ContainerFacts, IdentityListener, IdentitySource } from "../../src/identity-source.ts";

/** A source that knows what it is told, and answers when it is told to. */
export class FakeSource implements IdentitySource {
  readonly name: string;
  isConnected = true;
  isClosed = false;
  readonly asked: string[] = [];
  readonly #containers = new Map<string, ContainerFacts>();
  readonly #pods = new Map<string, PodIdentity>();
  #answers: (() => void)[] = [];
  #listener: IdentityListener | undefined;

  constructor(name = "fake") {
    this.name = name;
  }

  start(listener: IdentityListener): Promise<void> {
    this.#listener = listener;
    return Promise.resolve();
  }

  container(id: string): ContainerFacts | undefined {
    return this.#containers.get(id);
  }

  pod(uid: string): PodIdentity | undefined {
    return this.#pods.get(uid);
  }

  ask({ id }: { readonly id: string }): Promise<void> | undefined {
    this.asked.push(id);
    if (this.#containers.has(id)) return undefined;
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  close(): void {
    this.isClosed = true;
  }

  learnContainer(id: string, facts: ContainerFacts): void {
    this.#containers.set(id, facts);
    this.#listener?.onContainer(id);
  }

  learnPod(uid: string, pod: PodIdentity): void {
    this.#pods.set(uid, pod);
    this.#listener?.onPod(uid);
  }

  forgetContainer(id: string): void {
    this.#containers.delete(id);
    this.#listener?.onContainer(id);
  }

  answer(): void {
    for (const resolve of this.#answers.splice(0)) resolve();
  }
}
