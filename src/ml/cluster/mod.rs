//! Clustering of bounded samples, and the distances that it needs.

pub mod dense_clusters;
pub mod kmeans_centroids;
pub mod scaler;
pub mod simd_points;
