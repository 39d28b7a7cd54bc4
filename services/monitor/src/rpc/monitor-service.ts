import { create, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  DriftReportRecordedSchema,
  FindPredictionsResponseSchema,
  GetQualityResponseSchema,
  ListReportsResponseSchema,
  ListReviewsResponseSchema,
  MonitorService,
  ReviewConcludedSchema,
} from '@perennial/contracts';
import { invalid, notFound } from '@perennial/kernel';
import { rpc } from '@perennial/service';
import type { System } from '@perennial/spec';
import { type Context, storesOf } from '../context.js';
import { monitorLimits } from '../limits.js';
import { countsOf, qualityOf } from '../store/quality.js';
import { compareShadows } from '../store/shadows.js';
import type { Db } from '../tables.js';

/** How served models do. */
export function monitorService(context: Context, db: Db) {
  const { facts, rows: kept, watches } = storesOf(context, db);
  const system = async (name: string): Promise<System> => {
    const known = await facts.system(name);
    if (known) return known;
    throw notFound('SYSTEM_NOT_FOUND', `system: there is no "${name}"; apply its system.yaml first`, {
      field: 'system',
    });
  };
  return rpc(MonitorService, {
    getQuality: async ({ system: name }) => {
      const { metric } = (await system(name)).gate;
      const rows = await qualityOf(db, context.tenant, { system: name, metric });
      return create(GetQualityResponseSchema, {
        metric,
        rows: rows.map((row) => ({ ...row })),
        ...(await countsOf(db, context.tenant, name)),
      });
    },
    compareShadows: async ({ system: name }) => {
      await system(name);
      return compareShadows(db, context.tenant, name);
    },
    listReports: async ({ system: name, limit }) => {
      await system(name);
      const asked = limit || monitorLimits.reportsListedDefault;
      const bodies = await watches.reports(name, Math.min(asked, monitorLimits.reportsListedMax));
      return create(ListReportsResponseSchema, {
        reports: bodies.map((body) => fromJson(DriftReportRecordedSchema, body as JsonValue)),
      });
    },
    listReviews: async ({ system: name }) => {
      await system(name);
      const reviews = await watches.reviews(name);
      return create(ListReviewsResponseSchema, {
        reviews: reviews.map(({ body, concludedAt }) => ({
          review: fromJson(ReviewConcludedSchema, body as JsonValue),
          concludedAt: timestampFromDate(concludedAt),
        })),
      });
    },
    findPredictions: async ({ predictionIds }) => {
      if (predictionIds.length > monitorLimits.predictionsFoundMax) {
        throw invalid(
          'PREDICTION_IDS_TOO_MANY',
          `prediction_ids: ${predictionIds.length} are too many, ask for at most ${monitorLimits.predictionsFoundMax}`,
          { field: 'prediction_ids' },
        );
      }
      const found = await kept.placesOf(predictionIds);
      return create(FindPredictionsResponseSchema, {
        predictions: found.map(({ predictionId, system, places }) => ({
          predictionId,
          system,
          rows: places.map(([eventTime, key]) => ({
            key,
            ...(eventTime !== null && { eventTime: timestampFromMs(eventTime) }),
          })),
        })),
      });
    },
  });
}
