//! Bodies that are read whole, as text or as JSON.

use http_body::Body;
#[cfg(feature = "json")]
use serde::de::DeserializeOwned;

use super::lease_body::{BodyError, LeaseBody};
use crate::factory::BoxError;

impl<B: Body<Error: Into<BoxError>> + Unpin> LeaseBody<B> {
    /// Reads the whole body, of at most so many bytes, as text in UTF-8.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes); [`BodyError::Unreadable`] if it is no UTF-8, which is not held
    /// against its endpoint.
    pub async fn text(self, limit: usize) -> Result<String, BodyError> {
        let whole = self.bytes(limit).await?;
        String::from_utf8(whole.into()).map_err(|error| BodyError::Unreadable(error.into()))
    }

    /// Reads the whole body, of at most so many bytes, as JSON.
    ///
    /// ```
    /// # #[cfg(feature = "http")]
    /// # use evenkeel::{Fixed, http::Client};
    /// # #[cfg(feature = "http")]
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::over(Fixed::new(["10.0.0.1:80", "10.0.0.2:80"])?)?;
    /// let response = client.post("/orders").json(&["apples", "pears"]).send().await?;
    /// let order: u64 = response.into_body().json(1 << 20).await?;
    /// # drop(order);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes); [`BodyError::Unreadable`] if it is no JSON, or that of something
    /// else, which is not held against its endpoint.
    #[cfg(feature = "json")]
    pub async fn json<T: DeserializeOwned>(self, limit: usize) -> Result<T, BodyError> {
        let whole = self.bytes(limit).await?;
        serde_json::from_slice(&whole).map_err(|error| BodyError::Unreadable(error.into()))
    }
}
