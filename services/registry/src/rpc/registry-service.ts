import { RegistryService } from '@perennial/contracts';
import { rpc } from '@perennial/service';
import { applySystem } from './apply-system.js';
import { addShadow, cancelRollout, promote, removeShadow, resume, retrain, rollback } from './changes.js';
import type { RpcContext } from './context.js';
import { getLive } from './live.js';
import { getModel, getSystem, listModels, listSystems } from './questions.js';
import { setAvailability, setRoutes } from './routes.js';
import { getServedModel, importModel, listServedModels, retireModel, setServe } from './served-models.js';

export function registryService(context: RpcContext) {
  return rpc(RegistryService, {
    applySystem: (request) => applySystem(context, request),
    listSystems: () => listSystems(context),
    getSystem: (request) => getSystem(context, request),
    listModels: (request) => listModels(context, request),
    getModel: (request) => getModel(context, request),
    rollback: (request) => rollback(context, request),
    promote: (request) => promote(context, request),
    resume: (request) => resume(context, request),
    addShadow: (request) => addShadow(context, request),
    removeShadow: (request) => removeShadow(context, request),
    retrain: (request) => retrain(context, request),
    cancelRollout: (request) => cancelRollout(context, request),
    importModel: (request) => importModel(context, request),
    listServedModels: () => listServedModels(context),
    getServedModel: (request) => getServedModel(context, request),
    setRoutes: (request) => setRoutes(context, request),
    setServe: (request) => setServe(context, request),
    retireModel: (request) => retireModel(context, request),
    setAvailability: (request) => setAvailability(context, request),
    getLive: (request) => getLive(context, request),
  });
}
