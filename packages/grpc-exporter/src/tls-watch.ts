import type { SecureContextOptions } from "node:tls";
import { ExportError } from "./errors.ts";
import { readTlsFiles, readTokenFile, type TlsFiles } from "./transport/tls-files.ts";

/** What the files for TLS and token hold at the moment. */
export interface Secrets {
  /** Undefined: plaintext. */
  readonly tls: SecureContextOptions | undefined;
  readonly token: string | undefined;
}

export interface SecretsOptions {
  readonly tls: TlsFiles | undefined;
  readonly tokenFile: string | undefined;
  /** Trust what the system trusts where no authorities are named: for those who connect. */
  readonly defaultRoots: boolean;
  /** Milliseconds. */
  readonly intervalMs: number;
  /** The files have other contents now, and can be used. */
  readonly onChange: (secrets: Secrets) => void;
  /** They have other contents, which cannot be used; what was read before stays. */
  readonly onError: (error: ExportError) => void;
}

/** Reads the files of TLS and token, and again when they change. They are small: reading them is how to find out. */
export class SecretsWatch {
  readonly #options: SecretsOptions;
  readonly #timer: NodeJS.Timeout | undefined;
  #current: Secrets;
  #fingerprint: string;

  /** @throws {@link ExportError} when the files cannot be used */
  constructor(options: SecretsOptions) {
    this.#options = options;
    [this.#current, this.#fingerprint] = this.#read();
    const { tls = {}, tokenFile, intervalMs } = options;
    const watched = tokenFile !== undefined || Object.keys(tls).length > 0;
    if (watched)
      this.#timer = setInterval(() => {
        this.check();
      }, intervalMs).unref();
  }

  get current(): Secrets {
    return this.#current;
  }

  /** Looks at the files now. */
  check(): void {
    try {
      const [secrets, fingerprint] = this.#read();
      if (fingerprint === this.#fingerprint) return;
      [this.#current, this.#fingerprint] = [secrets, fingerprint];
      this.#options.onChange(secrets);
    } catch (error) {
      if (!(error instanceof ExportError)) throw error;
      this.#options.onError(error);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #read(): [Secrets, string] {
    const { tls, tokenFile, defaultRoots } = this.#options;
    const material = tls === undefined ? undefined : readTlsFiles(tls, defaultRoots);
    const token = tokenFile === undefined ? undefined : readTokenFile(tokenFile);
    return [{ tls: material?.options, token }, `${material?.fingerprint ?? ""}/${token ?? ""}`];
  }
}
