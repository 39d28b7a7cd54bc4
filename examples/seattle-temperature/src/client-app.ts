import { GrpcPerennial, type Perennial } from '@perennial/client';
import type { Day } from './days.js';

export const system = 'seattle-temperature';

/** The app that asks for a forecast each morning: over HTTP, every tenth time over gRPC. Its thermometer is right. */
export class ClientApp {
  readonly #platform: Perennial;
  readonly #grpc: GrpcPerennial;
  asked = 0;
  failed = 0;
  firstFailure = '';

  constructor(platform: Perennial, grpc: { address: string; token: string }) {
    this.#platform = platform;
    this.#grpc = new GrpcPerennial(grpc);
  }

  async ask(day: Day): Promise<void> {
    this.asked++;
    const row = { temp_min: day.temp_min, wind: day.wind, precipitation: day.precipitation };
    try {
      const answer =
        this.asked % 10 === 0
          ? await this.#grpc.predict(system, row, day.date)
          : await this.#askHttp({ date: day.date, ...row });
      if (!Number.isFinite(answer)) throw new Error(`the answer ${answer} is no temperature`);
    } catch (error) {
      this.failed++;
      this.firstFailure ||= error instanceof Error ? error.message : String(error);
    }
  }

  async #askHttp(row: Record<string, number | string>): Promise<number> {
    const answer = await this.#platform.predict(system, [row], { timeoutMs: 30_000 });
    return answer.predictions[0]?.prediction ?? Number.NaN;
  }

  close(): void {
    this.#grpc.close();
  }
}
