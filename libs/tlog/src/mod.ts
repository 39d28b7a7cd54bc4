export { decodeBase64, encodeBase64 } from './base64.js';
export { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.js';
export { emptyRoot, leafHash, nodeHash, sameHash } from './hash.js';
export { makeSignerKey, type NoteSigner, type NoteVerifier, noteSigner, noteVerifier } from './keys.js';
export { type OpenNote, openNote, signNote } from './note.js';
export { formatProof, type ProofFile, parseProof, verifyProof } from './proof-file.js';
export { fillProof, type ProofPlan, planConsistency, planInclusion } from './proofs.js';
export {
  emptyEdge,
  grow,
  joinSubtrees,
  lastLeafOf,
  type NodeAddress,
  rootOf,
  subtrees,
  type TreeEdge,
  type TreeNode,
} from './tree.js';
export { type ConsistencyClaim, type InclusionClaim, verifyConsistency, verifyInclusion } from './verify.js';
