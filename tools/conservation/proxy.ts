import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A network that can be cut, or fall silent: passes connections on, until it does not. */
export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cut = false;
  #silent = false;

  private constructor(port: number) {
    this.#server = createServer((socket) => {
      if (this.#cut) {
        socket.destroy();
        return;
      }
      const onward = connect(port, "127.0.0.1");
      for (const each of [socket, onward]) {
        this.#sockets.add(each);
        each.on("error", () => undefined);
        each.on("close", () => {
          this.#sockets.delete(each);
          socket.destroy();
          onward.destroy();
        });
      }
      if (!this.#silent) socket.pipe(onward).pipe(socket);
    });
  }

  /** `port`: where to pass on to. */
  static async to(port: number): Promise<Proxy> {
    const proxy = new Proxy(port);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections break, and no new ones are made. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Nothing gets through any more, and nobody is told. */
  hush(): void {
    this.#silent = true;
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** What was cut or silent is gone; new connections are passed on. */
  mend(): void {
    if (this.#silent) for (const socket of this.#sockets) socket.destroy();
    [this.#cut, this.#silent] = [false, false];
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
