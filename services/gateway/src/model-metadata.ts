export { versionNotFound } from './protocol/models.js';
